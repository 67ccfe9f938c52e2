//! A row of the matrix: the database of an app, and how its users move to Taskbridge and back.

use support::pair::{Variables, start_taskbridge};
use support::postgres::psql;
use support::{Database, Peer};

use crate::apps::{App, NEWEST};
use crate::checks::{self, Member};

/// The database of an app.
pub(crate) struct Row {
    /// The tables, as docs/moving.md describes them.
    pub(crate) tables: &'static str,
    /// The packages with which the app ran, one after the other. The migrator of each brought the tables up to date.
    pub(crate) releases: &'static [&'static str],
    /// The app in variants.mjs.
    pub(crate) variant: &'static str,
    /// A script that changes the database before Taskbridge is started.
    pub(crate) before: &'static str,
    /// The step that Taskbridge asks of the operator.
    pub(crate) asked: Asked,
}

/// A step that the operator takes. Before that, Taskbridge refuses the database with a message that contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// No step: Taskbridge adopts the database.
    Nothing,
    /// A statement.
    Sql(&'static str),
    /// Settings: keys and values.
    Settings(&'static [(&'static str, &'static str)]),
}

/// Settings of Taskbridge for these apps.
const SETTINGS: Variables<'_> = &[
    ("JWT_ALGORITHM", "EdDSA"),
    ("TASKBRIDGE__AUTH__DELETE_USER", "on"),
    // Each request for tasks is counted in the table of rate limits.
    ("TASKBRIDGE__RATE_LIMIT__STORAGE", "database"),
    ("TASKBRIDGE__TASKS__REQUESTS_PER_MINUTE", "1000"),
];

impl Row {
    /// Moves the users of the app to Taskbridge and back.
    pub(crate) async fn run(&self) {
        let database = Database::postgres();
        let mut members = Vec::new();
        for release in self.releases {
            let app = App::open(release, self.variant, &database.url).await;
            members.push(Member::sign_up(&app.peer).await);
        }
        let App { peer: theirs, changes } = self.open(&database).await;
        if !self.before.is_empty() {
            psql(&database.url, self.before);
        }
        let asked = self.do_as_asked(&database);
        let asked: Vec<_> = asked.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let server = start_taskbridge(&database, &[SETTINGS, &asked].concat());
        let ours = Peer::taskbridge(&server);
        let mut moved = Vec::new();
        for member in members {
            moved.push(checks::continues(member, &ours, &theirs, &server).await);
        }
        moved.push(checks::begins(&ours, &theirs, &server).await);
        checks::ends(&ours, &theirs).await;
        drop(server);

        let back = self.open(&database).await;
        assert_eq!(back.changes, changes, "the migrator of the app has to do what it had not before");
        self.move_back(back, &database, &moved).await;
    }

    /// Runs the app, with the last of its releases.
    async fn open(&self, database: &Database) -> App {
        App::open(self.releases.last().unwrap(), self.variant, &database.url).await
    }

    /// Moves the users back to the app, and to the app with the newest release.
    async fn move_back(&self, back: App, database: &Database, moved: &[Member]) {
        let mut apps = vec![back];
        if self.releases.last() != Some(&NEWEST) {
            apps.push(App::open(NEWEST, self.variant, &database.url).await);
        }
        for app in apps {
            for member in moved {
                checks::is_back(member, &app.peer).await;
            }
            Member::sign_up_as("dan", &app.peer).await;
        }
    }

    /// Does what the refusal asks for, and returns the variables for the server.
    fn do_as_asked(&self, database: &Database) -> Vec<(String, &'static str)> {
        match self.asked {
            Asked::Nothing => Vec::new(),
            Asked::Sql(statement) => {
                checks::is_refused(database, &[statement]);
                psql(&database.url, statement);
                Vec::new()
            }
            Asked::Settings(settings) => {
                let named: Vec<_> = settings.iter().flat_map(|(key, value)| [*key, *value]).collect();
                checks::is_refused(database, &named);
                let variable = |key: &str| format!("TASKBRIDGE__{}", key.to_uppercase().replace('.', "__"));
                settings.iter().map(|(key, value)| (variable(key), *value)).collect()
            }
        }
    }
}
