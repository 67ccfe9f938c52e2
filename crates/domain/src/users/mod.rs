//! Users, their accounts and their passwords.

mod email;
mod password;
mod restrictions;
mod user;

pub use email::{Email, InvalidEmail};
pub use password::{HashAlgorithm, InvalidPassword, NewPassword, Password, PasswordHash};
pub use restrictions::{Ban, BanReason, Restrictions};
pub use user::{Account, ProfileUpdate, User, UserId, UserImage, UserName};
