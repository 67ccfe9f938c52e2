//! The use cases, as concrete structs that call the [`ports`](crate::ports).

mod account;
mod active_session;
mod owned;
mod profile;
mod sessions;
mod sign_in;
mod sign_up;
mod tasks;
#[cfg(test)]
mod test_ports;
mod user_admin;

pub use account::{AccountContext, AccountPolicy, WRONG_PASSWORD_LIMIT};
pub use active_session::ActiveSession;
pub use owned::{OwnedService, ResourceError};
pub use profile::{ChangePassword, DeleteUser, DeleteUserError, PasswordError, ProfileService};
pub use sessions::{ListSessionsError, Renewal, ResumeError, SessionService};
pub use sign_in::{SignIn, SignInError, SignInRestriction, SignInService};
pub use sign_up::{SignUp, SignUpError, SignUpOutcome, SignUpService};
pub use tasks::{TaskListing, TaskService, TotalCount};
pub use user_admin::{CreateUser, UserAdminError, UserAdminService, UserDetails};
