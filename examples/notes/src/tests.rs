//! The contract of the store, on SQLite.

use taskbridge::testing::Stored;
use taskbridge_domain::testing::contract::owned::Sample;

use crate::note::{NewNote, Note, NotePatch, NoteText};
use crate::table::{CREATE, Entity};

impl Sample for Note {
    fn sample() -> NewNote {
        NewNote { text: NoteText::parse(" '; -- 🥛\n".into()).unwrap() }
    }

    fn sample_patch() -> NotePatch {
        NotePatch { text: Some(NoteText::parse("another".into()).unwrap()) }
    }
}

taskbridge_domain::owned_repo_contract!(Note, Stored::<Entity>::open(&[&CREATE]), Stored::reopened);
