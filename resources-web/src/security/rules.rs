//! Names and origins, compared as browsers do.

use std::net::IpAddr;

use url::{Host, Url};

/// A host name or address a server may be asked by, without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRule(Host);

/// Scheme, host and port of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginRule {
    scheme: String,
    host: Host,
    port: u16,
}

impl HostRule {
    /// Reads a name or address such as `dashboard.example.com`, `192.0.2.7` or `[2001:db8::7]`.
    ///
    /// # Errors
    /// Says how to write one.
    pub fn parse(text: &str) -> Result<Self, String> {
        Host::parse(text).map(Self).map_err(|_| {
            "write a host name or address without scheme and port, such as dashboard.example.com"
                .to_owned()
        })
    }

    pub(super) fn allows(&self, host: &str) -> bool {
        Host::parse(host).is_ok_and(|host| host == self.0)
    }
}

impl OriginRule {
    /// Reads an origin such as `https://dashboard.example.com` or `http://192.0.2.7:3000`.
    ///
    /// # Errors
    /// Says how to write one.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).ok_or_else(|| {
            "write scheme, host and port without a path, such as https://dashboard.example.com"
                .to_owned()
        })
    }

    fn read(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_bare || !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host()?.to_owned(),
            port: url.port_or_known_default()?,
        })
    }

    /// Whether a page of this origin came from the server asked as `authority`, by whichever
    /// scheme: a proxy may speak TLS for it.
    pub(super) fn is_of(&self, authority: &str) -> bool {
        Self::read(&format!("{}://{authority}", self.scheme)).is_some_and(|own| own == *self)
    }
}

/// Whether `host` is a name or address of this machine for itself.
pub(super) fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => IpAddr::V6(address).to_canonical().is_loopback(),
        Err(_) => false,
    }
}
