//! The notes API.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use taskbridge_domain::Timestamp;
use taskbridge_domain::owned::Page;
use taskbridge_domain::services::OwnedService;
use taskbridge_web::OwnedRoutes;
use taskbridge_web::resource::{
    ApiError, BodyErrors, Field, FieldValue, Guarded, JsonBody, ListQuery, NotFound, OwnerErrors, PageQuery, PathId,
    PathOwner, QueryErrors, RequestFields, invalid_text, required_text, timestamp,
};
use utoipa::{OpenApi, ToSchema};
use validator::{Validate, ValidationError};

use crate::note::{NewNote, Note, NotePatch, NoteText};

type Notes = Data<OwnedService<Note>>;
type PathNote = PathId<Note>;
type AccessErrors = OwnerErrors<Note>;
type NoNote = NotFound<Note>;
type NoteUpdate = Guarded<PathNote, JsonBody<UpdateNote>>;

#[derive(OpenApi)]
#[openapi(paths(list, create, get, update, delete), tags((name = "notes", description = "Notes of a user.")))]
pub struct Operations;

/// Adds the handlers of the [`Operations`].
pub fn routes(routes: OwnedRoutes) -> OwnedRoutes {
    routes
        .on("list_notes", list)
        .on("create_note", create)
        .on("get_note", get)
        .on("update_note", update)
        .on("delete_note", delete)
}

/// A note.
#[derive(Serialize, ToSchema)]
#[schema(as = Note)]
struct NoteResponse<'a> {
    id: i64,
    /// The id of the owner.
    user_id: &'a str,
    text: &'a str,
    #[serde(serialize_with = "timestamp")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(serialize_with = "timestamp")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl<'a> NoteResponse<'a> {
    fn new(note: &'a Note) -> Self {
        let Note { id, owner, text, created_at, updated_at } = note;
        let (user_id, text) = (owner.as_str(), text.as_str());
        Self { id: id.number(), user_id, text, created_at: *created_at, updated_at: *updated_at }
    }
}

impl FieldValue for NoteText {
    fn parse(value: Option<Value>) -> Result<Self, ValidationError> {
        Self::parse(required_text(value)?).map_err(invalid_text)
    }
}

#[derive(Deserialize, Validate, ToSchema)]
struct CreateNote {
    #[validate(custom(function = Field::check))]
    #[schema(value_type = String, min_length = 1, max_length = 10_000)]
    text: Field<NoteText>,
}

impl RequestFields for CreateNote {
    type Value = NewNote;

    fn into_value(self) -> Option<NewNote> {
        Some(NewNote { text: self.text.valid()? })
    }
}

/// Absent fields keep their values.
#[derive(Deserialize, Validate, ToSchema)]
struct UpdateNote {
    #[validate(custom(function = Field::check))]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 10_000)]
    text: Field<Option<NoteText>>,
}

impl RequestFields for UpdateNote {
    type Value = NotePatch;

    fn into_value(self) -> Option<NotePatch> {
        Some(NotePatch { text: self.text.valid()? })
    }
}

/// List notes, newest first.
#[utoipa::path(
    get, path = "/{user_id}/notes", operation_id = "list_notes", tag = "notes", security(("jwt" = [])),
    params(PathOwner, PageQuery),
    responses((status = 200, description = "The notes.", body = Vec<NoteResponse>), AccessErrors, QueryErrors)
)]
async fn list(
    Guarded(PathOwner(owner), ListQuery(given, query)): Guarded<PathOwner, PageQuery>,
    notes: Notes,
) -> Result<HttpResponse, ApiError> {
    let Page { items, next } = notes.page(&owner, &query).await?;
    Ok(given.respond(&items.iter().map(NoteResponse::new).collect::<Vec<_>>(), next))
}

/// Create a note.
#[utoipa::path(
    post, path = "/{user_id}/notes", operation_id = "create_note", tag = "notes", security(("jwt" = [])),
    params(PathOwner), request_body = CreateNote,
    responses((status = 201, description = "The note has been created.", body = NoteResponse), AccessErrors, BodyErrors)
)]
async fn create(
    Guarded(PathOwner(owner), JsonBody(new)): Guarded<PathOwner, JsonBody<CreateNote>>,
    notes: Notes,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Created().json(NoteResponse::new(&notes.create(&owner, new).await?)))
}

/// Get a note.
#[utoipa::path(
    get, path = "/{user_id}/notes/{note_id}", operation_id = "get_note", tag = "notes", security(("jwt" = [])),
    params(PathOwner, PathNote),
    responses((status = 200, description = "The note.", body = NoteResponse), AccessErrors, NoNote)
)]
async fn get(
    Guarded(PathOwner(owner), PathId(id)): Guarded<PathOwner, PathNote>,
    notes: Notes,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(NoteResponse::new(&notes.get(&owner, id).await?)))
}

/// Update a note.
#[utoipa::path(
    patch, path = "/{user_id}/notes/{note_id}", operation_id = "update_note", tag = "notes", security(("jwt" = [])),
    params(PathOwner, PathNote), request_body = UpdateNote,
    responses((status = 200, description = "The updated note.", body = NoteResponse), AccessErrors, NoNote, BodyErrors)
)]
async fn update(
    Guarded(PathOwner(owner), Guarded(PathId(id), JsonBody(patch))): Guarded<PathOwner, NoteUpdate>,
    notes: Notes,
) -> Result<HttpResponse, ApiError> {
    Ok(HttpResponse::Ok().json(NoteResponse::new(&notes.update(&owner, id, patch).await?)))
}

/// Delete a note.
#[utoipa::path(
    delete, path = "/{user_id}/notes/{note_id}", operation_id = "delete_note", tag = "notes", security(("jwt" = [])),
    params(PathOwner, PathNote),
    responses((status = 204, description = "The note has been deleted."), AccessErrors, NoNote)
)]
async fn delete(
    Guarded(PathOwner(owner), PathId(id)): Guarded<PathOwner, PathNote>,
    notes: Notes,
) -> Result<HttpResponse, ApiError> {
    notes.delete(&owner, id).await?;
    Ok(HttpResponse::NoContent().finish())
}
