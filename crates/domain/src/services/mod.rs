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
pub use sessions::{ListSessionsError, Renewal, ResumeError, SessionService};
pub use tasks::{TaskError, TaskListing, TaskService, TotalCount};
pub use users::{ChangePassword, DeleteUser, DeleteUserError, PasswordError, ProfilePolicy, ProfileService};
pub use wrong_passwords::WRONG_PASSWORDS;
