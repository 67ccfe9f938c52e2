//! Types of the values of settings. All of them are deserialized from text, because environment variables are text.
//! Their errors do not contain this text, because it may be a secret.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// An integer from `MIN` to `MAX`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<T, const MIN: u64, const MAX: u64>(T);

impl<T: Copy, const MIN: u64, const MAX: u64> Number<T, MIN, MAX> {
    pub(crate) fn get(self) -> T {
        self.0
    }
}

impl<'de, T: TryFrom<u64>, const MIN: u64, const MAX: u64> Deserialize<'de> for Number<T, MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer, |text| {
            let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
            let number = number.and_then(|number| T::try_from(number).ok());
            number.map(Self).ok_or_else(|| format!("must be a number from {MIN} to {MAX}"))
        })
    }
}

/// A duration from `MIN` to `MAX` seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Seconds<const MIN: u64, const MAX: u64>(Number<u64, MIN, MAX>);

impl<const MIN: u64, const MAX: u64> Seconds<MIN, MAX> {
    pub(crate) fn get(self) -> Duration {
        Duration::from_secs(self.0.get())
    }
}

/// A number of threads up to `MAX`, where 0 means one for each core.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Threads<const MAX: u64>(Number<usize, 0, MAX>);

impl<const MAX: u64> Threads<MAX> {
    pub(crate) fn get(self) -> usize {
        if self.0.get() == 0 { cores() } else { self.0.get() }
    }
}

/// A setting that is on or off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Switch(bool);

impl Switch {
    pub(crate) fn is_on(self) -> bool {
        self.0
    }
}

impl<'de> Deserialize<'de> for Switch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        one_of(deserializer, [("on", true), ("true", true), ("off", false), ("false", false)]).map(Self)
    }
}

/// A setting that is on, off, or decided by other settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AutoSwitch(Option<bool>);

impl AutoSwitch {
    /// Returns the value of the setting, or `automatic` if it is `auto`.
    pub(crate) fn or(self, automatic: bool) -> bool {
        self.0.unwrap_or(automatic)
    }
}

impl<'de> Deserialize<'de> for AutoSwitch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (on, off) = (Some(true), Some(false));
        one_of(deserializer, [("auto", None), ("on", on), ("true", on), ("off", off), ("false", off)]).map(Self)
    }
}

/// A secret text, which `Debug` does not show.
#[derive(Deserialize)]
pub(crate) struct Hidden(String);

impl Hidden {
    /// Returns the text, or `None` if it is empty.
    pub(super) fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(…)")
    }
}

/// Deserializes a text and parses it with `parse`, whose error must not contain the text, because the text may be a
/// secret.
pub(super) fn parse<'de, D: Deserializer<'de>, T, E: fmt::Display>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Deserializes the name of one of `choices`, and returns the value with this name.
pub(super) fn one_of<'de, D: Deserializer<'de>, T: Copy, const N: usize>(
    deserializer: D,
    choices: [(&str, T); N],
) -> Result<T, D::Error> {
    parse(deserializer, |text| {
        let chosen = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        chosen.ok_or_else(|| format!("must be one of {}", choices.map(|(name, _)| name).join(", ")))
    })
}

/// Deserializes an address to listen on. An empty text means none.
pub(super) fn listen_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    parse(deserializer, |text| match (text, text.parse()) {
        ("", _) => Ok(None),
        (_, Ok(address)) => Ok(Some(address)),
        (_, Err(_)) => Err("must be an IP address and a port, such as 127.0.0.1:9464"),
    })
}

/// Deserializes a list of texts that are separated by commas.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(split(&String::deserialize(deserializer)?).map(str::to_owned).collect())
}

/// Splits a text at its commas. Removes white space around the parts, and leaves out empty parts.
pub(super) fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|text| !text.is_empty())
}

/// Returns the number of processor cores that this process can use, or 1 if it is not known.
pub(super) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, Into::into)
}
