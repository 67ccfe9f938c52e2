//! What Taskbridge does: concrete structs over ports, without traits of their own.

mod accounts;
mod active_session;
mod sessions;
mod tasks;
mod users;
mod wrong_passwords;

pub use accounts::{
    AccountPolicy, AccountService, SignIn, SignInError, SignInRestriction, SignUp, SignUpError, SignUpOutcome,
};
pub use active_session::ActiveSession;
pub use sessions::{Renewal, ResumeError, SensitiveError, SessionService};
pub use tasks::{TaskError, TaskList, TaskService, Total};
pub use users::{Deletion, DeletionError, PasswordError, PasswordUpdate, UserPolicy, UserService};
pub use wrong_passwords::WRONG_PASSWORDS;
