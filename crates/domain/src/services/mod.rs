//! What Taskbridge does: concrete structs over ports, without traits of their own.

mod accounts;
mod tasks;

pub use accounts::{AccountPolicy, AccountService, ActiveSession, SignIn, SignInError, SignUp, SignUpError};
pub use tasks::{TaskError, TaskList, TaskService, Total};
