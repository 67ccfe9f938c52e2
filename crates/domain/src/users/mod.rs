//! Users, their accounts, and their passwords.

mod password;
mod user;

pub use password::{HashAlgorithm, InvalidPassword, NewPassword, Password, PasswordHash};
pub use user::{
    Account, Ban, Email, InvalidEmail, InvalidUserImage, InvalidUserName, ProfileUpdate, Restrictions, User, UserId,
    UserImage, UserName,
};
