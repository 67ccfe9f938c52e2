//! The compact form of a signed token (RFC 7515, section 7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::rejection::Rejection;

/// A token, split at its dots into header, claims and signature.
pub(super) struct CompactToken<'a> {
    pub(super) whole: &'a str,
    header: &'a str,
    claims: &'a str,
    pub(super) signature: &'a str,
    /// The header and the claims with the dot between them: the part of the token that the signature covers.
    pub(super) signed: &'a str,
}

impl<'a> CompactToken<'a> {
    pub(super) fn parse(token: &'a str, max_bytes: usize) -> Result<Self, Rejection> {
        if token.len() > max_bytes {
            return Err(Rejection::TooLong { max_bytes });
        }
        let malformed = Rejection::Malformed("token: three segments are needed");
        let Some((signed, signature)) = token.rsplit_once('.') else { return Err(malformed) };
        match signed.split_once('.') {
            Some((header, claims)) if !claims.contains('.') => {
                Ok(Self { whole: token, header, claims, signature, signed })
            }
            _ => Err(malformed),
        }
    }

    /// Returns the JSON text of the header.
    pub(super) fn header(&self) -> Result<Vec<u8>, Rejection> {
        decode(self.header).ok_or(Rejection::Malformed("header"))
    }

    /// Returns the JSON text of the claims.
    pub(super) fn claims(&self) -> Result<Vec<u8>, Rejection> {
        decode(self.claims).ok_or(Rejection::Malformed("claims"))
    }
}

/// Decodes base64url (RFC 7515, section 2). Returns `None` if `segment` has padding, white space or stray bits at its
/// end.
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment).ok()
}
