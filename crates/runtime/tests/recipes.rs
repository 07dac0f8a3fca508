//! What good recipes give.

mod support;

use engine_protocol::{Spec, resource::Timing};
use engine_scheduler::ports::LogLevel;
use serde_json::json;
use support::*;

#[test]
fn a_file_notifies_a_service_by_name() {
    let guest = Guest::new("web").recipe("default", |g| {
        g.file("/etc/motd", "hello")
            + &g.set("file.mode", "0640")
            + "(local.set $d (call $file.declaration (local.get $h)))"
            + &{
                let (action, target) = (g.s("restart"), g.s("service[nginx]"));
                attempt("notifies", &format!("(local.get $d) {action} {target} (i32.const 2)"))
            }
            + &g.declare("service", "nginx")
            + "(i32.const 0)"
    });
    let collection = evaluate(&guest).unwrap();
    let [file, service] = collection.resources.as_slice() else { panic!("{collection:?}") };
    assert_eq!((file.to_string(), service.to_string()), ("file[/etc/motd]".into(), "service[nginx]".into()));
    let Spec::File(spec) = &file.spec else { panic!("{file:?}") };
    assert_eq!(spec.content.as_ref().unwrap().0, b"hello");
    assert_eq!(spec.access.mode, Some(0o640));
    assert_eq!(file.common.notifies[0].target, service.id);
    assert_eq!(file.common.notifies[0].timing, Timing::Delayed);
    assert_eq!(file.origin.to_string(), "web::default");
}
