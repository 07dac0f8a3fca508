//! `engine plan`.

use std::{process::ExitCode, sync::Arc};

use engine_protocol::Mode;
use engine_scheduler::SavedPlan;

use crate::{
    arguments::{GlobalOptions, PlanArguments},
    commands::{self, execution},
    errors::Failure,
    plan_file,
};

/// Shows what an event would change, and saves it if that is asked for.
pub(crate) fn plan(global: &GlobalOptions, arguments: &PlanArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    plan_or_fail(global, arguments).map_err(|failure| execution::exit_status_of_failure(failure, options))
}

fn plan_or_fail(global: &GlobalOptions, arguments: &PlanArguments) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let manifest = commands::manifest(&arguments.stack)?;
    let request = execution::request(arguments.command, &arguments.request)?;
    let runtime = commands::load_cookbooks(global, &manifest, execution::limits(&options.limits))?;
    commands::check_requested(&request, &runtime)?;
    let runtime = Arc::new(runtime);
    let settings = execution::settings(options, Mode::Plan, "", Some(&arguments.request));
    let Some(out) = &arguments.out else {
        let summary =
            execution::execute(global, &manifest, runtime, options, Mode::Plan, async |executor| {
                executor.run(&request, &settings).await
            })?;
        return Ok(execution::exit_code(&summary, options));
    };
    let (summary, saved) =
        execution::execute(global, &manifest, runtime, options, Mode::Plan, async |executor| {
            executor.plan_to_save(&request, &settings).await
        })?;
    let code = execution::exit_code(&summary, options);
    if summary.stopped {
        return Ok(code);
    }
    check(&saved)?;
    plan_file::write(out, manifest.path(), &saved).map_err(Failure::failed)?;
    anstream::eprintln!("saved to {}; apply it with `engine run --plan {}`", out.display(), out.display());
    Ok(code)
}

/// A plan for some hosts is worth saving; one for none is not.
fn check(saved: &SavedPlan) -> Result<(), Failure> {
    let missing: Vec<String> =
        saved.missing.iter().map(|(instance, why)| format!("{instance}: {why}")).collect();
    if saved.nodes.is_empty() {
        let message =
            format!("nothing is saved, for there is no whole plan of any host\n{}", missing.join("\n"));
        return Err(Failure::failed(message));
    }
    if !missing.is_empty() {
        let style = anstyle::AnsiColor::Yellow.on_default().bold();
        let missing = engine_contract::visible::lines(&missing.join("\n")).into_owned();
        anstream::eprintln!("{style}warning{style:#}: the saved plan is without these hosts\n{missing}");
    }
    Ok(())
}
