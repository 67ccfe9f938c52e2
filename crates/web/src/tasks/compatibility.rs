//! Ways of the tasks API for clients that were written for another backend. All are off unless switched on.

use serde_json::{Map, Value};
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::{Object, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::dto::{Message, TaskList};
use crate::responses::operations;

/// What is different for the sake of such clients.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compatibility {
    /// A list is `{"tasks", "total", "count"}` instead of an array.
    pub list_envelope: bool,
    /// `is_completed` is in every task beside `completed`, and taken for it in bodies that have no `completed`.
    pub is_completed: bool,
    /// `DELETE` answers 200 with a `message` instead of 204.
    pub delete_message: bool,
}

impl Compatibility {
    /// A body of a request in our own words.
    pub(crate) fn translate(self, body: &mut Map<String, Value>) {
        if self.is_completed
            && !body.contains_key("completed")
            && let Some(completed) = body.remove("is_completed")
        {
            body.insert("completed".into(), completed);
        }
    }

    /// The document of the tasks' operations, as they are.
    pub(crate) fn describe(self, document: &mut OpenApi) {
        let Self { list_envelope, is_completed, delete_message } = self;
        let schemas = &mut document.components.get_or_insert_default().schemas;
        if list_envelope {
            schemas.insert(TaskList::name().into(), TaskList::schema());
        }
        if is_completed {
            for name in ["Task", "CreateTask", "UpdateTask", "CompleteTask"] {
                if let Some(RefOr::T(Schema::Object(task))) = schemas.get_mut(name) {
                    let boolean = Object::builder().schema_type(Type::Boolean);
                    let boolean = boolean.description(Some("As `completed`, which counts if both are given."));
                    task.properties.insert("is_completed".into(), boolean.build().into());
                }
            }
        }
        if delete_message {
            schemas.insert(Message::name().into(), Message::schema());
        }
        for (method, operation) in document.paths.paths.values_mut().flat_map(operations) {
            let responses = &mut operation.responses.responses;
            if delete_message && method == "delete" && responses.remove("204").is_some() {
                responses.insert("200".into(), json("The task is gone.", Message::name().as_ref()).into());
            }
            if let (true, Some("list_tasks"), Some(RefOr::T(list))) =
                (list_envelope, operation.operation_id.as_deref(), responses.get_mut("200"))
            {
                list.content = json("", TaskList::name().as_ref()).content;
            }
        }
    }
}

fn json(description: &str, schema: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}
