//! Notes, and the rules for their fields.

use taskbridge_domain::owned::{Id, NewestFirst, OwnedResource, ResourceName};
use taskbridge_domain::text::{InvalidText, bounded};
use taskbridge_domain::{Timestamp, UserId, bounded_text};

bounded_text! {
    /// The text of a note. It is stored as given.
    NoteText, 10_000
}

impl NoteText {
    /// Checks that the text is neither empty nor too long and has no NUL character.
    pub fn parse(text: String) -> Result<Self, InvalidText> {
        if text.is_empty() { Err(InvalidText::Empty) } else { bounded(text, Self::MAX_CHARS).map(Self) }
    }
}

/// A note of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub id: Id<Self>,
    pub owner: UserId,
    pub text: NoteText,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The fields of a new note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    pub text: NoteText,
}

/// A partial update of a note. Fields that are `None` keep their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotePatch {
    pub text: Option<NoteText>,
}

impl OwnedResource for Note {
    const NAME: ResourceName = ResourceName { one: "note", many: "notes" };

    type New = NewNote;
    type Patch = NotePatch;
    type Query = NewestFirst;

    fn create(id: Id<Self>, owner: UserId, new: NewNote, now: Timestamp) -> Self {
        let NewNote { text } = new;
        Self { id, owner, text, created_at: now, updated_at: now }
    }

    fn id(&self) -> Id<Self> {
        self.id
    }

    fn patched(self, patch: NotePatch, updated_at: Timestamp) -> Self {
        Self { text: patch.text.unwrap_or(self.text), updated_at, ..self }
    }
}
