//! `taskbridge users`.

mod failure;
mod input;
mod output;

use std::io;
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::{Value, json as object};
use taskbridge_domain::Timestamp;
use taskbridge_domain::services::{CreateUser, UserAdminService, UserDetails};
use taskbridge_domain::users::{BanReason, Email, User, UserName};

use self::failure::without_driver_error;
use self::input::{Confirmation, confirm, read_password};
use self::output::{CAPITAL_LETTERS, Report, json};
use super::output::{one_line, print, print_duration, print_error, print_if_read, print_warning, with_progress};
use crate::compose::{migrations, require_current, user_admin, with_store};
use crate::settings::{AuthMode, Settings};
use crate::telemetry::AUDIT;

/// Number of users that `list` reads at a time.
const PAGE: u32 = 500;

/// Exit status if a command needs a confirmation that it cannot ask for, as for invalid arguments.
const NOT_CONFIRMED: u8 = 2;

/// The end of the message about the first ban. A server reads once a minute which columns there are.
const FIRST_BAN: &str = "; if the columns for bans were added less than a minute ago, a running server may let the user sign \
    in until that minute has passed";

#[derive(Debug, Args)]
pub(super) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
    /// Print JSON: one object, or one object per line for `list`.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Create a user with a password, even if sign-up is off.
    ///
    /// The password is read from the terminal or, if standard input is not a terminal, from its first line.
    #[command(after_help = "\
Examples:
  taskbridge users create ann@example.com --name Ann
  taskbridge users create ann@example.com --name Ann --verified < password.txt")]
    Create {
        /// Email address of the user.
        #[arg(value_parser = email)]
        email: Email,
        /// Name of the user, as the app shows it.
        #[arg(long, value_parser = name)]
        name: UserName,
        /// Mark the email address as verified.
        #[arg(long)]
        verified: bool,
    },
    /// List all users, in the order of their ids.
    #[command(after_help = "\
Examples:
  taskbridge users list
  taskbridge users list --json | jq -r 'select(.banned) | .email'")]
    List,
    /// Show a user, their sign-in methods, and how many sessions and tasks they have.
    #[command(after_help = "\
Examples:
  taskbridge users show ann@example.com
  taskbridge users show --json vcTURk6ODbtipdSgdNMvfz3gi54tp4Zh")]
    Show(Who),
    /// Set the password of a user, and end all their sessions.
    ///
    /// The password is read from the terminal or, if standard input is not a terminal, from its first line. A user who has signed in with another provider only can then also sign in with the password.
    #[command(after_help = "\
Examples:
  taskbridge users set-password ann@example.com
  taskbridge users set-password ann@example.com < password.txt")]
    SetPassword(Who),
    /// Ban a user, and end all their sessions.
    #[command(after_help = "\
Examples:
  taskbridge users ban ann@example.com --reason spam
  taskbridge users ban ann@example.com --until 2026-12-24T18:00:00Z --yes")]
    Ban {
        #[command(flatten)]
        who: Who,
        /// Reason for the ban, for other operators, as `taskbridge users show` prints it.
        #[arg(long, value_parser = reason)]
        reason: Option<BanReason>,
        /// End of the ban, such as `2026-12-24T18:00:00Z`. Without it, the ban is permanent.
        #[arg(long, value_name = "TIME", value_parser = time)]
        until: Option<Timestamp>,
        #[command(flatten)]
        consent: Consent,
    },
    /// End the ban of a user.
    #[command(after_help = "\
Examples:
  taskbridge users unban ann@example.com")]
    Unban(Who),
    /// End all sessions of a user, who then has to sign in again.
    #[command(after_help = "\
Examples:
  taskbridge users end-sessions ann@example.com
  taskbridge users end-sessions ann@example.com --yes")]
    EndSessions {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        consent: Consent,
    },
    /// Delete a user with their sign-in methods, sessions and tasks.
    #[command(after_help = "\
Examples:
  taskbridge users delete ann@example.com
  taskbridge users delete ann@example.com --yes")]
    Delete {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
struct Who {
    /// Id or email address of the user.
    #[arg(value_name = "USER")]
    user: String,
}

#[derive(Debug, Args)]
struct Consent {
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<UserName, String> {
    UserName::parse(text).map_err(|error| error.to_string())
}

fn reason(text: &str) -> Result<BanReason, String> {
    BanReason::parse(text).map_err(|error| error.to_string())
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| "write a time such as 2026-12-24T18:00:00Z".to_owned())
}

pub(super) async fn run(args: UsersArgs, settings: &Settings, mode: &AuthMode) -> anyhow::Result<ExitCode> {
    ensure!(
        matches!(mode, AuthMode::Server(_)),
        "there are no users to manage in bridge mode: the app's Better Auth has them"
    );
    let migrations = migrations(settings, mode.name().users());
    with_store(&settings.database, async |store| {
        let (map, _notices) = require_current(store, &migrations).await?;
        let admin = user_admin(&settings.passwords, &store.clone().with_map(map))?;
        let commands = Commands { admin, settings, json: args.json };
        commands.run(args.command).await
    })
    .await
    .map_err(without_driver_error)
}

/// A command on the users of a store.
struct Commands<'a> {
    admin: UserAdminService,
    settings: &'a Settings,
    json: bool,
}

impl Commands<'_> {
    async fn run(&self, command: UsersCommand) -> anyhow::Result<ExitCode> {
        match command {
            UsersCommand::Create { email, name, verified } => self.create(email, name, verified).await?,
            UsersCommand::List => self.list().await?,
            UsersCommand::Show(who) => self.show(&who).await?,
            UsersCommand::SetPassword(who) => self.set_password(&who).await?,
            UsersCommand::Ban { who, reason, until, consent } => return self.ban(&who, reason, until, &consent).await,
            UsersCommand::Unban(who) => self.unban(&who).await?,
            UsersCommand::EndSessions { who, consent } => return self.end_sessions(&who, &consent).await,
            UsersCommand::Delete { who, consent } => return self.delete(&who, &consent).await,
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn create(&self, email: Email, name: UserName, email_verified: bool) -> anyhow::Result<()> {
        self.admin.check_email(&email).await?;
        let password = read_password(&self.admin).await?;
        let user = self.admin.create(CreateUser { name, email, email_verified, password }).await?;
        audit("create", &user);
        if self.json {
            print(&json(&user, None))?;
        } else {
            print(&format!("created user {}", one_line(user.id.as_str())))?;
        }
        Ok(())
    }

    async fn list(&self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let users = self.admin.list(after, PAGE).await?;
            for user in &users {
                if !self.print_user(user, None)? {
                    return Ok(());
                }
            }
            match users.into_iter().last() {
                Some(last) => after = Some(last.id),
                None => return Ok(()),
            }
        }
    }

    async fn show(&self, who: &Who) -> anyhow::Result<()> {
        let user = self.find(who).await?;
        let details = self.admin.details(&user.id).await?;
        self.print_user(&user, Some(&details))?;
        Ok(())
    }

    /// Prints a user. Returns `false` if nobody reads the output any more.
    fn print_user(&self, user: &User, details: Option<&UserDetails>) -> io::Result<bool> {
        if self.json {
            print_if_read(&json(user, details))
        } else {
            print_if_read(&Report { user, now: self.admin.clock.now(), details })
        }
    }

    async fn set_password(&self, who: &Who) -> anyhow::Result<()> {
        let user = self.find(who).await?;
        let password = read_password(&self.admin).await?;
        self.admin.set_password(&user.id, password).await?;
        self.done("set-password", &user, &format!("set the password and ended all sessions; {}", self.tokens()))?;
        if user.email.has_capital_letters() {
            print_warning(&format!("{CAPITAL_LETTERS}; see the check `emails` of `taskbridge doctor`"));
        }
        Ok(())
    }

    async fn ban(
        &self,
        who: &Who,
        reason: Option<BanReason>,
        until: Option<Timestamp>,
        consent: &Consent,
    ) -> anyhow::Result<ExitCode> {
        let user = self.find(who).await?;
        if let Some(status) = self.ask(&user, consent, "ban the user and end all their sessions").await? {
            return Ok(status);
        }
        let is_first = self.admin.ban(&user.id, reason, until).await?;
        let delay = if is_first { FIRST_BAN } else { "" };
        self.done("ban", &user, &format!("banned the user and ended all sessions; {}{delay}", self.tokens()))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn unban(&self, who: &Who) -> anyhow::Result<()> {
        let user = self.find(who).await?;
        let changed = self.admin.unban(&user).await?;
        if changed {
            audit("unban", &user);
        }
        let text = if changed { "ended the ban" } else { "the user is not banned" };
        Ok(self.report(&user, text, &object!({ "action": "unban", "changed": changed, "userId": user.id.as_str() }))?)
    }

    async fn end_sessions(&self, who: &Who, consent: &Consent) -> anyhow::Result<ExitCode> {
        let user = self.find(who).await?;
        if let Some(status) = self.ask(&user, consent, "end all sessions of the user").await? {
            return Ok(status);
        }
        self.admin.end_sessions(&user.id).await?;
        self.done("end-sessions", &user, &format!("ended all sessions; {}", self.tokens()))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn delete(&self, who: &Who, consent: &Consent) -> anyhow::Result<ExitCode> {
        let user = self.find(who).await?;
        let tasks = self.admin.details(&user.id).await?.totals.tasks;
        let tasks = if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") };
        if let Some(status) = self.ask(&user, consent, &format!("delete the user and {tasks}")).await? {
            return Ok(status);
        }
        with_progress(self.admin.delete(&user.id), print_duration("deleting")).await?;
        self.done("delete", &user, &format!("deleted the user and {tasks}"))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn find(&self, who: &Who) -> anyhow::Result<User> {
        self.admin.find(&who.user).await?.context("there is no user with this id or email address")
    }

    /// Asks for the confirmation of what cannot be undone. Returns the exit status if nothing may be done.
    async fn ask(&self, user: &User, consent: &Consent, what: &str) -> anyhow::Result<Option<ExitCode>> {
        if consent.yes {
            return Ok(None);
        }
        match confirm(user, what).await? {
            Confirmation::Given => Ok(None),
            Confirmation::Refused => bail!("not confirmed; nothing has been changed"),
            Confirmation::NoTerminal => {
                print_error(&anyhow!("this would {what}; to confirm it without a terminal, add --yes"));
                Ok(Some(ExitCode::from(NOT_CONFIRMED)))
            }
        }
    }

    /// Logs and prints that a user has been changed.
    fn done(&self, action: &str, user: &User, text: &str) -> io::Result<()> {
        audit(action, user);
        self.report(user, text, &object!({ "action": action, "userId": user.id.as_str() }))
    }

    /// Prints what a command has done to a user.
    fn report(&self, user: &User, text: &str, json: &Value) -> io::Result<()> {
        if self.json { print(json) } else { print(&format!("{}: {text}", one_line(user.id.as_str()))) }
    }

    /// Returns a sentence about access tokens, which no command can end.
    fn tokens(&self) -> String {
        let seconds = self.settings.jwt.lifetime_seconds.get().as_secs();
        format!("access tokens remain valid until they expire, for up to {seconds} seconds")
    }
}

/// Logs a change of a user. The line contains no email address.
fn audit(action: &str, user: &User) {
    tracing::info!(target: AUDIT, action, user_id = user.id.as_str(), "user changed by an operator");
}
