//! The query of a database URL.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use strsim::normalized_damerau_levenshtein;

use super::InvalidDatabaseUrl;

/// The parameters of a URL that have not been read yet.
///
/// Reading a parameter removes it. A parameter that remains at the end is reported as unknown, so that none is ignored
/// by mistake.
pub(super) struct Parameters {
    values: BTreeMap<String, String>,
    /// The names of the supported parameters, whether the URL has them or not. One of them is suggested in place of an
    /// unknown name that resembles it.
    known: Vec<&'static str>,
    has_password: bool,
}

impl Parameters {
    /// Splits and decodes a query.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`] if a name or value cannot be decoded, a value is missing, or a name has two values.
    pub(super) fn parse(query: &str) -> Result<Self, InvalidDatabaseUrl> {
        let mut values = BTreeMap::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = match parameter {
                // JDBC allows `ssl` without a value, which means `ssl=true`.
                "ssl" => ("ssl", "true"),
                parameter => parameter.split_once('=').unwrap_or((parameter, "")),
            };
            let (name, value) = (decode(name)?, decode(value)?);
            if value.is_empty() {
                return Err(InvalidDatabaseUrl::NoValue);
            }
            if values.insert(name, value.clone()).is_some_and(|other| other != value) {
                return Err(InvalidDatabaseUrl::Conflict { what: "one name" });
            }
        }
        let has_password = values.contains_key("password");
        Ok(Self { values, known: Vec::new(), has_password })
    }

    /// Removes a parameter and returns its value, or `None` if the URL does not have the parameter.
    pub(super) fn take(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.values.remove(name)
    }

    /// Removes a parameter and returns its value, which must be a number of at most `max`.
    pub(super) fn take_number(&mut self, name: &'static str, max: u32) -> Result<Option<u32>, InvalidDatabaseUrl> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| *number <= max);
        let advice = "write a number without a unit, which is not too large";
        number.map(Some).ok_or(InvalidDatabaseUrl::Value { name, advice })
    }

    /// Removes a parameter, whose value must be one of `values`, and returns what `values` maps it to.
    pub(super) fn take_one_of<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
        advice: &'static str,
    ) -> Result<Option<T>, InvalidDatabaseUrl> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let meaning = values.iter().find(|(known, _)| *known == value).map(|(_, meaning)| *meaning);
        meaning.map(Some).ok_or(InvalidDatabaseUrl::Value { name, advice })
    }

    /// Checks that all remaining parameters are named in `ignored`, a list of names separated by spaces.
    ///
    /// `unsupported` maps each unsupported name to its advice. `advice` is the advice for an unknown name that does not
    /// resemble a known one.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl`] if a parameter remains that is not in `ignored`.
    pub(super) fn finish(
        mut self,
        ignored: &str,
        unsupported: &[(&'static str, &'static str)],
        advice: &str,
    ) -> Result<(), InvalidDatabaseUrl> {
        self.values.retain(|name, _| ignored.split(' ').all(|ignored| ignored != name));
        if let Some((name, advice)) = unsupported.iter().find(|(name, _)| self.values.contains_key(*name)) {
            return Err(InvalidDatabaseUrl::Unsupported { name, advice });
        }
        let Some((name, _)) = self.values.into_iter().next() else { return Ok(()) };
        let plain = |name: &str| name.to_lowercase().replace(['-', '_', '.'], "");
        let likeness = |known: &&&str| normalized_damerau_levenshtein(&plain(known), &plain(&name));
        let meant = self.known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        let advice = match meant.filter(|known| likeness(known) > 0.75) {
            Some(known) => format!("did you mean {known}?"),
            None => advice.to_owned(),
        };
        let is_word = name.len() <= 40 && name.chars().all(|c| c.is_ascii_alphabetic() || "_.-".contains(c));
        // If a password contains an unescaped `&`, the part after the `&` looks like the name of a parameter. The
        // name is therefore not shown.
        let is_shown = is_word && !self.has_password;
        Err(InvalidDatabaseUrl::UnknownParameter { name: is_shown.then_some(name), advice })
    }
}

/// Decodes percent-encoded UTF-8.
pub(super) fn decode(text: &str) -> Result<String, InvalidDatabaseUrl> {
    let is_escape = |rest: &str| rest.len() >= 2 && rest.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit);
    if !text.split('%').skip(1).all(is_escape) {
        return Err(InvalidDatabaseUrl::PercentEncoding);
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_not_utf8| InvalidDatabaseUrl::PercentEncoding)
}
