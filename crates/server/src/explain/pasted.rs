//! The credentials that an operator pastes, judged as the server judges the headers of a request.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use regex::Regex;
use taskbridge_web::{HEAD_LIMIT, InvalidAuthorization, bearer_token};

/// White space around a pasted text.
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// The credentials in a pasted text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pasted<'a> {
    /// The value of each header `Authorization` in the text. The text is a header, a request, or a command of curl.
    Headers(Vec<&'a str>),
    /// The value of a header `Authorization`, without the name of the header.
    Value(&'a str),
    /// Only a token.
    Token(&'a str),
    /// A text that mentions a header or a token in a notation that is not known.
    Unknown,
}

/// Reasons for rejecting a request before its access token is verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The response is a 400.
    ControlCharacter(char),
    /// The response is a 431.
    TooLarge,
    /// The response is a 401.
    Authorization(InvalidAuthorization),
    /// The response is not known, because the header was not found in the pasted text.
    NotFound,
}

impl Refusal {
    /// Returns the status of the response, if it is known.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::ControlCharacter(_) => Some(400),
            Self::TooLarge => Some(431),
            Self::Authorization(_) => Some(401),
            Self::NotFound => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ControlCharacter(character) => write!(f, "the header contains the control character {character:?}"),
            Self::TooLarge => write!(f, "the head of the request is larger than {HEAD_LIMIT} bytes"),
            Self::Authorization(error) => error.fmt(f),
            Self::NotFound => f.write_str("no header Authorization was recognized in this text"),
        }
    }
}

impl<'a> Pasted<'a> {
    /// Finds the credentials in a text whose notation [`plain`] has changed.
    pub(super) fn parse(text: &'a str) -> Self {
        let text = text.trim_matches(SPACE);
        let headers = authorization_headers(text);
        if !headers.is_empty() {
            return Self::Headers(headers);
        }
        if starts_with(text, "bearer") {
            return Self::Value(text);
        }
        let lower = text.to_ascii_lowercase();
        let is_json = text.starts_with(['{', '[']);
        let is_request = starts_with(text, "curl ") || text.contains("://") && !is_json;
        if lower.contains("authorization") || is_request && lower.contains("bearer") || is_assignment(text) {
            return Self::Unknown;
        }
        if is_request || text.lines().any(is_other_header) {
            return Self::Headers(headers);
        }
        let (word, rest) = text.split_once(SPACE).unwrap_or((text, ""));
        let is_scheme =
            !rest.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
        if is_scheme { Self::Value(text) } else { Self::Token(text) }
    }

    /// Describes what was pasted.
    pub(super) fn description(&self) -> &'static str {
        match self {
            Self::Headers(values) if values.is_empty() => "a request without the header Authorization",
            Self::Headers(_) => "the header Authorization",
            Self::Value(_) => "the value of a header Authorization",
            Self::Token(_) => "a token without a header; send it as `Authorization: Bearer <token>`",
            Self::Unknown => "a text in a notation that is not known",
        }
    }

    /// Returns the token that the server would verify.
    ///
    /// # Errors
    /// [`Refusal`] if the server would reject the request without verifying a token.
    pub(super) fn token(&self) -> Result<String, Refusal> {
        let values = match self {
            Self::Headers(values) => values.iter().map(ToString::to_string).collect(),
            Self::Value(value) => vec![(*value).to_owned()],
            Self::Token(token) => vec![format!("Bearer {token}").trim_end_matches(SPACE).to_owned()],
            Self::Unknown => return Err(Refusal::NotFound),
        };
        let mut headers = HeaderMap::new();
        for value in &values {
            let is_control = |character: &char| character.is_ascii_control() && *character != '\t';
            if let Some(character) = value.chars().find(is_control) {
                return Err(Refusal::ControlCharacter(character));
            }
            let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
                return Err(Refusal::Authorization(InvalidAuthorization::NotAscii));
            };
            headers.append(AUTHORIZATION, value);
        }
        if headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum::<usize>() > HEAD_LIMIT {
            return Err(Refusal::TooLarge);
        }
        bearer_token(&headers).map(str::to_owned).map_err(Refusal::Authorization)
    }

    fn first(&self) -> &'a str {
        match self {
            Self::Headers(values) => values.first().copied().unwrap_or_default(),
            Self::Value(text) | Self::Token(text) => text,
            Self::Unknown => "",
        }
    }

    /// Returns the most likely remedy for `refusal`.
    pub(super) fn advice(&self, refusal: &Refusal) -> String {
        let value = self.first();
        match refusal {
            Refusal::NotFound => "paste only the line `Authorization: Bearer <token>`, or only the token".into(),
            Refusal::ControlCharacter('\r' | '\n') => {
                "the header was wrapped: send it in one line, without the line breaks".into()
            }
            Refusal::ControlCharacter(_) => "remove the character: it was copied by mistake".into(),
            Refusal::TooLarge => {
                "make the token smaller (definePayload of the JWT plugin): no setting raises this limit".into()
            }
            Refusal::Authorization(InvalidAuthorization::Missing) => {
                "send the header `Authorization: Bearer <token>`: the API reads the token only from there".into()
            }
            Refusal::Authorization(InvalidAuthorization::Several) => {
                "send one header: a client or a proxy adds another".into()
            }
            Refusal::Authorization(InvalidAuthorization::NotAscii) => {
                let found = value.chars().find(|character| !character.is_ascii()).map(u32::from).unwrap_or_default();
                format!("remove the character U+{found:04X}, which was copied by mistake: a token contains only ASCII")
            }
            Refusal::Authorization(InvalidAuthorization::NoToken) => {
                "the token is empty: await the call that gets the token, and check that it returned one".into()
            }
            Refusal::Authorization(InvalidAuthorization::NotBearer) => {
                format!("{}: send it as `Authorization: Bearer <token>`", scheme_error(value))
            }
        }
    }
}

/// Returns what is wrong with a header that does not begin with `Bearer` and a space.
fn scheme_error(value: &str) -> String {
    let word = value.split(SPACE).next().unwrap_or_default();
    if value.is_empty() {
        return "the header is empty".into();
    }
    if let Some(after) = value.get("bearer".len()..).filter(|_| starts_with(value, "bearer")) {
        let found = match after.chars().next().unwrap_or_default() {
            '\t' => "a tab".to_owned(),
            character => format!("{character:?}"),
        };
        return format!("the word Bearer is followed by {found} instead of a space");
    }
    if value.starts_with(['"', '\'', '`']) {
        return "there are quotation marks around the value".into();
    }
    if value.starts_with(['{', '[']) {
        return "this is JSON, not its field `token`".into();
    }
    if starts_with(value, "authorization") {
        return "the value repeats the name of the header".into();
    }
    if word.matches('.').count() == 2 && !word.contains('=') {
        return "the word Bearer before the token is missing".into();
    }
    let word: String = word.chars().take(40).collect();
    format!("the scheme is {word:?} instead of Bearer")
}

/// Changes a header that a browser copied in another notation to a line of its own.
///
/// # Errors
/// Returns an error if the pattern is invalid.
pub(super) fn plain(text: &str) -> Result<Cow<'_, str>, regex::Error> {
    // cmd.exe of Windows escapes quotation marks with a caret. Neither a header nor a token contains carets.
    if text.contains("^\"") {
        return Ok(text.replace('^', "").into());
    }
    // JSON, as in a HAR file; a call of fetch; a hash table of PowerShell; a list with names and values in turn.
    let pattern = r#"(?mix) ["']authorization["'] \s* (?: , \s* "value" \s* )? [:=] \s* (?: "([^"]*)" | '([^']*)' )
        | ^ [\ \t]* authorization:? [\ \t]* \r?\n [\ \t]* ( bearer\ [^\r\n]* )"#;
    Ok(Regex::new(pattern)?.replace_all(text, "\nauthorization: $1$2$3\n"))
}

/// Returns the value of each header `Authorization` in `text`. A header begins a line, or is in quotation marks as in a
/// command of curl or in brackets as in its log.
fn authorization_headers(text: &str) -> Vec<&str> {
    const NAME: &str = "authorization:";
    let lower = text.to_ascii_lowercase();
    let values = lower.match_indices(NAME).filter_map(|(at, _)| {
        let (before, value) = (&text[..at], &text[at + NAME.len()..]);
        let line = before.rsplit('\n').next().unwrap_or_default();
        // curl -v prints `> ` before each header of a request.
        let value = if line.trim_matches([' ', '\t', '>']).is_empty() {
            &value[..wrapped_length(value)]
        } else {
            let end = match before.chars().next_back()? {
                quote @ ('"' | '\'') => quote,
                '[' => ']',
                _ => return None,
            };
            value.split(end).next()?
        };
        Some(value.trim_matches(SPACE))
    });
    values.collect()
}

/// Returns the length of the line at the start of `text`, with further lines if they continue a token.
fn wrapped_length(text: &str) -> usize {
    let continues = |line: &&str| {
        let line = line.trim_matches(SPACE);
        !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().map_or(0, str::len);
    first + lines.take_while(continues).map(str::len).sum::<usize>()
}

/// Returns `true` for an assignment of a variable in a shell or a `.env` file, such as `export TOKEN="x"`.
fn is_assignment(text: &str) -> bool {
    let text = ["export ", "set ", "$env:"].iter().find_map(|start| text.strip_prefix(start)).unwrap_or(text);
    text.split_once('=').is_some_and(|(name, value)| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        name.trim_end().bytes().all(is_name)
            && value.trim_start().starts_with(|c: char| c.is_alphanumeric() || "\"'$".contains(c))
    })
}

/// Returns `true` for a header with another name, such as `Cookie: a=b`.
fn is_other_header(line: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    line.split_once(": ").is_some_and(|(name, _)| is_name(name) && !name.eq_ignore_ascii_case("bearer"))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
