//! Certificate checks that webpki does not offer: the validity period of a pinned certificate, and the common name.

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use x509_cert::certificate::Version;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc4519::COMMON_NAME;
use x509_cert::der::oid::db::rfc5912::{ID_CE_NAME_CONSTRAINTS, ID_CE_SUBJECT_ALT_NAME};
use x509_cert::ext::pkix::BasicConstraints;

/// A certificate of a PostgreSQL server or of a CA.
pub(super) struct Certificate<'a> {
    der: &'a CertificateDer<'a>,
    parsed: x509_cert::Certificate,
}

impl<'a> Certificate<'a> {
    /// Parses a certificate.
    pub(super) fn parse(der: &'a CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = x509_cert::Certificate::from_der(der);
        let parsed = parsed.map_err(|_malformed| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        Ok(Self { der, parsed })
    }

    /// Checks that the certificate is valid now.
    pub(super) fn check_validity(&self, now: UnixTime) -> Result<(), Error> {
        let validity = &self.parsed.tbs_certificate.validity;
        let now = now.as_secs();
        if now < validity.not_before.to_unix_duration().as_secs() {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now > validity.not_after.to_unix_duration().as_secs() {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(())
    }

    /// Returns `true` if the certificate belongs to a CA, so that its key may sign other certificates. This is assumed
    /// of every certificate of X.509 version 1, because that version has no extensions that could say otherwise.
    pub(super) fn is_authority(&self) -> bool {
        let certificate = &self.parsed.tbs_certificate;
        match certificate.get::<BasicConstraints>() {
            Ok(Some((_, constraints))) => constraints.ca,
            Ok(None) => certificate.version == Version::V1,
            Err(_) => false,
        }
    }

    /// Returns `true` if the certificate has name constraints, which limit the names in the certificates that it signs.
    pub(super) fn constrains_names(&self) -> bool {
        self.has_extension(ID_CE_NAME_CONSTRAINTS)
    }

    /// Checks that the certificate is for the host `name`. As in libpq, the name must match one of the subject
    /// alternative names or, if the certificate has none, the first common name.
    pub(super) fn check_name(&self, name: &ServerName<'_>) -> Result<(), Error> {
        let checked = verify_server_name(&ParsedCertificate::try_from(self.der)?, name);
        if checked.is_ok() || self.has_extension(ID_CE_SUBJECT_ALT_NAME) {
            return checked;
        }
        let host = name.to_str();
        let is_address = matches!(name, ServerName::IpAddress(_));
        let is_for = |name: &str| if is_address { name == host } else { matches(name, &host) };
        if self.common_name().is_some_and(is_for) { Ok(()) } else { checked }
    }

    fn has_extension(&self, id: ObjectIdentifier) -> bool {
        let extensions = self.parsed.tbs_certificate.extensions.iter().flatten();
        extensions.into_iter().any(|extension| extension.extn_id == id)
    }

    fn common_name(&self) -> Option<&str> {
        let mut attributes = self.parsed.tbs_certificate.subject.0.iter().flat_map(|names| names.0.iter());
        let name = attributes.find(|attribute| attribute.oid == COMMON_NAME)?;
        str::from_utf8(name.value.value()).ok()
    }
}

/// Returns `true` if `pattern` matches `host`. A leading `*.` stands for exactly one label (RFC 6125, section 6.4).
fn matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix("*.") {
        Some(domain) => {
            let parent = host.split_once('.').map(|(_, parent)| parent);
            domain.contains('.') && parent.is_some_and(|parent| parent.eq_ignore_ascii_case(domain))
        }
        None => !pattern.is_empty() && pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_matches_a_host_or_one_label() {
        for (pattern, host, expected) in [
            ("db.test", "db.test", true),
            ("DB.test", "db.TEST", true),
            ("*.example.test", "db.example.test", true),
            ("*.example.test", "a.b.example.test", false),
            ("*.example.test", "example.test", false),
            ("*.test", "db.test", false),
            ("d*.example.test", "db.example.test", false),
            ("", "", false),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
