//! Passwords and confirmations, from the terminal or from standard input.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use anyhow::{Context, ensure};
use taskbridge_domain::services::UserAdminService;
use taskbridge_domain::users::{HashAlgorithm, InvalidPassword, NewPassword, Password, User};
use tokio::task::spawn_blocking;

use crate::cli::output::one_line;

/// Maximum length of a line of standard input, in bytes. No password is longer.
const MAX_LINE: u64 = 4096;

/// The answer to the question whether a command may do what cannot be undone.
pub(super) enum Confirmation {
    Given,
    Refused,
    /// Standard input is not a terminal.
    NoTerminal,
}

/// Reads a new password: twice from the terminal, without showing it, or once from the first line of standard input.
pub(super) async fn read_password(admin: &UserAdminService) -> anyhow::Result<NewPassword> {
    // In a separate thread, because connections to the database must be served meanwhile.
    let typed = spawn_blocking(|| if io::stdin().is_terminal() { ask_twice() } else { first_line() }).await??;
    admin.new_password(&typed).map_err(|invalid| anyhow::anyhow!(describe(invalid, admin.hasher.algorithm())))
}

fn ask_twice() -> anyhow::Result<String> {
    let ask = |prompt: &str| rpassword::prompt_password(prompt).context("cannot read the password");
    let typed = ask("New password: ")?;
    ensure!(typed == ask("The same password again: ")?, "the passwords differ; nothing has been changed");
    Ok(typed)
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().lock().take(MAX_LINE).read_line(&mut line).context("cannot read the password from standard input")?;
    let line = line.strip_suffix('\n').map_or(&*line, |line| line.strip_suffix('\r').unwrap_or(line));
    // Programs on Windows write a byte order mark at the start of a file.
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    ensure!(!line.is_empty(), "write the password to standard input, or run the command in a terminal");
    Ok(line.to_owned())
}

fn describe(invalid: InvalidPassword, algorithm: HashAlgorithm) -> String {
    let rule = match (invalid, algorithm) {
        (InvalidPassword::TooShort, _) => format!("at least {} characters", NewPassword::MIN_UNITS),
        (InvalidPassword::TooLong, HashAlgorithm::Bcrypt) => format!("at most {} bytes", NewPassword::MAX_BYTES),
        (InvalidPassword::TooLong, HashAlgorithm::Scrypt) => format!("at most {} characters", Password::MAX_UNITS),
        (InvalidPassword::Nul, _) => return invalid.to_string(),
    };
    format!("the password must have {rule}; nothing has been changed")
}

/// Asks the operator to type the email address of the user.
pub(super) async fn confirm(user: &User, what: &str) -> anyhow::Result<Confirmation> {
    if !io::stdin().is_terminal() {
        return Ok(Confirmation::NoTerminal);
    }
    let email = user.email.as_str().to_owned();
    let prompt = format!("This will {what}. To confirm, type the email address {}: ", one_line(&email));
    spawn_blocking(move || {
        let mut terminal = io::stderr().lock();
        terminal.write_all(prompt.as_bytes()).and_then(|()| terminal.flush()).context("cannot ask for confirmation")?;
        let mut line = String::new();
        io::stdin().lock().take(MAX_LINE).read_line(&mut line).context("cannot read the confirmation")?;
        Ok(if line.trim() == email { Confirmation::Given } else { Confirmation::Refused })
    })
    .await?
}
