//! Panics in the log.

use std::panic::{PanicHookInfo, set_hook};
use std::thread;

/// The target of the log lines.
pub(super) const TARGET: &str = module_path!();

/// Logs each panic, instead of printing its message. Printing would wait for the reader of the log.
pub(super) fn log_panics() {
    set_hook(Box::new(log_panic));
}

/// Logs where a panic happened, and why if this is a constant text. A text that contains values could reveal a secret.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(tracing::field::display);
    let reason = panic.payload().downcast_ref::<&'static str>();
    tracing::error!(target: TARGET, location, reason, thread = thread::current().name(), "panicked");
}

#[cfg(test)]
mod tests {
    use std::panic::{catch_unwind, take_hook};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::layer;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry;

    use super::super::filter;
    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_one_line_without_values_at_any_level() {
        let written = Written::default();
        let writer = written.clone();
        let lines = layer().json().with_writer(move || writer.clone());
        let subscriber = registry().with(lines).with(filter(&"off".parse().unwrap()));
        let previous = take_hook();
        let test = thread::current().id();
        // Panics of other tests are printed as usual.
        set_hook(Box::new(
            move |panic| if thread::current().id() == test { log_panic(panic) } else { previous(panic) },
        ));
        tracing::subscriber::with_default(subscriber, || {
            catch_unwind(|| panic!("a constant")).unwrap_err();
            let token = "secret".to_owned();
            catch_unwind(|| panic!("invalid token {token}")).unwrap_err();
        });
        let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = log.lines().collect();
        assert_eq!(lines.len(), 2, "{log}");
        assert!(lines.iter().all(|line| line.contains("panicked") && line.contains(file!())), "{log}");
        assert!(lines[0].contains(r#""reason":"a constant""#), "{log}");
        assert!(!log.contains("secret"), "{log}");
    }
}
