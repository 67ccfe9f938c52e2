//! The command line as a whole.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};

use super::Cli;

/// The commands that do something, each with its full name.
fn commands() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    let mut cli = Cli::command();
    cli.build();
    collect(&cli, "", &mut found);
    found
}

fn collect(command: &Command, parent: &str, found: &mut Vec<(String, Command)>) {
    let name = format!("{parent}{}", command.get_name());
    let subcommands: Vec<_> = command.get_subcommands().filter(|command| command.get_name() != "help").collect();
    if subcommands.is_empty() {
        found.push((name, command.clone()));
    } else {
        for command in subcommands {
            collect(command, &format!("{name} "), found);
        }
    }
}

fn help(command: &Command) -> String {
    command.clone().term_width(100).render_long_help().to_string()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_help_of_a_command_that_reads_a_password_says_where_from() {
    let names = ["taskbridge users create", "taskbridge users set-password"];
    let found: Vec<_> = commands().into_iter().filter(|(name, _)| names.contains(&name.as_str())).collect();
    assert_eq!(found.len(), names.len());
    for (name, command) in found {
        assert!(help(&command).contains("The password is read from the terminal or"), "{name}");
    }
}

#[test]
fn the_help_of_each_command_has_examples_of_this_command() {
    let commands = commands();
    assert!(commands.len() > 10, "{commands:?}");
    for (name, command) in commands {
        let help = help(&command);
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{name}: no examples"));
        assert!(examples.lines().all(|line| line.contains(&name)), "{name}: {examples}");
    }
}

/// With `UPDATE_SNAPSHOTS`, writes the page instead.
#[test]
fn the_page_of_commands_is_what_the_help_says() {
    let title = "# Commands\n\nThis page contains what `taskbridge help` and `--help` of each command print.\n";
    let root = ("taskbridge".to_owned(), Cli::command());
    let page = [root].into_iter().chain(commands()).fold(title.to_owned(), |page, (name, command)| {
        let help = help(&command);
        let lines: Vec<_> = help.trim_end().lines().map(str::trim_end).collect();
        format!("{page}\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"))
    });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/commands.md");
    #[expect(clippy::disallowed_methods, reason = "a variable of the tests, not a setting")]
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run: make snapshots");
}
