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
    /// What happens to the database before Taskbridge sees it.
    pub(crate) before: &'static str,
    /// What the operator does because Taskbridge says so.
    pub(crate) asked: Asked,
}

/// What is asked of the operator. The refusal of the server and of the doctor contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing.
    Nothing,
    /// A statement.
    Sql(&'static str),
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
        let mut last = None;
        for release in self.releases {
            let app = App::open(release, self.variant, &database.url).await;
            members.push(Member::sign_up(&app.peer).await);
            last = Some(app);
        }
        let theirs = last.unwrap().peer;
        if !self.before.is_empty() {
            psql(&database.url, self.before);
        }
        self.do_as_asked(&database);
        let server = start_taskbridge(&database, SETTINGS);
        let ours = Peer::taskbridge(&server);
        let mut moved = Vec::new();
        for member in members {
            moved.push(checks::continues(member, &ours, &theirs, &server).await);
        }
        moved.push(checks::begins(&ours, &theirs, &server).await);
        checks::ends(&ours, &theirs).await;
        drop(server);

        self.move_back(&database, &moved).await;
    }

    /// Runs the app again, whose migrator has nothing to do, and then with the newest release.
    async fn move_back(&self, database: &Database, moved: &[Member]) {
        let release = self.releases.last().unwrap();
        let back = App::open(release, self.variant, &database.url).await;
        assert_eq!(back.changes, [""; 0], "{release}");
        let mut apps = vec![back];
        if *release != NEWEST {
            apps.push(App::open(NEWEST, self.variant, &database.url).await);
        }
        for app in apps {
            for member in moved {
                checks::is_back(member, &app.peer).await;
            }
            Member::sign_up_as("dan", &app.peer).await;
        }
    }

    /// Does what the refusal asks for.
    fn do_as_asked(&self, database: &Database) {
        if let Asked::Sql(statement) = self.asked {
            checks::is_refused(database, &[statement]);
            psql(&database.url, statement);
        }
    }
}
