//! Users, their accounts, and their passwords.

mod password;
mod user;

pub use password::{HashForm, InvalidPassword, NewPassword, Password, PasswordHash};
pub use user::{
    Account, Ban, Email, InvalidEmail, InvalidUserImage, InvalidUserName, ProfileChange, Restrictions, User, UserId,
    UserImage, UserName,
};
