//! The tables of a stack file. Each is declared once: what is read, which keys are known and what
//! the schema says all come from here.

use schemars::JsonSchema;
use toml::{
    Spanned as TomlSpanned,
    de::{DeTable, DeValue},
};

use super::{
    Field,
    apps::{FetchFrom, SourceKind, Texts},
    reader::{Reader, Value},
    rollout::{Batch, ByCommand, Count, Unreachable},
    theme::Theme,
    values::{List, Local, Port, Seconds, Tables, Tree, UserId},
};

/// A key that is a word of Rust is written `r#type` there.
fn plain(key: &'static str) -> &'static str {
    key.trim_start_matches("r#")
}

macro_rules! tables {
    ($($(#[$about:meta])* $name:ident { $($(#[$says:meta])* $key:ident: $type:ty,)+ })+) => {$(
        #[derive(Debug, Default, JsonSchema)]
        $(#[$about])*
        #[schemars(default, deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$says])* pub(crate) $key: Field<$type>,)+
        }

        impl $name {
            pub(super) fn read_table(reader: &mut Reader, table: &DeTable<'_>) -> Self {
                reader.refuse_unknown(table, stringify!($name), &[$(plain(stringify!($key))),+]);
                $name { $($key: reader.field(table, plain(stringify!($key))),)+ }
            }
        }

        impl Value for $name {
            fn read(reader: &mut Reader, value: &TomlSpanned<DeValue<'_>>) -> Option<Self> {
                let table = reader.table(value)?;
                Some(Self::read_table(reader, table))
            }
        }
    )+};
}

tables! {
    /// A stack of engine: the machines of an application, described as a whole.
    #[schemars(rename = "Stack")]
    StackFile {
        /// What the stack is for.
        description: String,
        /// Whether setup installs pending updates first, unless a layer says otherwise.
        #[schemars(extend("default" = true))]
        update_on_setup: bool,
        /// How many seconds an instance waits for a fresh connection before it puts back a change with `confirm`.
        #[schemars(extend("default" = 60))]
        confirm_timeout: Seconds,
        /// Switches for what engine does by itself at setup and configure.
        built_in: BuiltIn,
        /// Where the names of new instances come from; the layer and a number where this is absent.
        #[schemars(extend("default" = "layer-dependent"))]
        hostname_theme: Theme,
        /// Packages for all instances, installed at setup: `name`, or `name=version`.
        packages: List<String>,
        /// Who may log in to the instances.
        users: Tables<User>,
        /// How hosts are reached, unless an instance or `ssh_config` says otherwise.
        ssh: Ssh,
        /// Attributes for the recipes of all layers.
        attributes: Tree,
        /// Cookbooks and what they are granted.
        cookbooks: Tables<Cookbook>,
        /// Layers: instances with one job. Their order is the order in which their recipes run on an instance.
        layers: Tables<Layer>,
        /// Instances: the machines.
        instances: Tables<Instance>,
        /// Apps: what is deployed to the instances of their layers.
        apps: Tables<App>,
        /// Who is told of runs besides the operator.
        notifications: Tables<Notification>,
        /// Secrets: where their values come from. `{{secret:NAME}}` in attributes stands for one.
        secrets: Tables<Secret>,
        /// How files with secrets are encrypted.
        secret_file: SecretFile,
        /// Where live state is kept: a file, or `postgresql://USER@HOST/DATABASE`; `.engine/state.db` next to the stacks where this is absent. No password: that belongs into `~/.pgpass`.
        state: String,
    }

    /// A secret: exactly one of `environment`, `file` and `command`.
    Secret {
        /// Environment variable that the value is in.
        environment: String,
        /// File that is encrypted with age, a TOML table of names and values. Relative to the stack file.
        file: String,
        /// Name in the file; the secret's own where this is absent.
        key: String,
        /// Command that prints the value, program and arguments; a line break at the end is cut off.
        command: List<String>,
    }

    /// How files with secrets are encrypted.
    SecretFile {
        /// Public keys of who can read them: of age, `age1...`, or of SSH, `ssh-ed25519 ...`.
        recipients: List<String>,
        /// File with a private key, for whoever does not give another one. Relative to the stack file.
        identity: String,
    }

    /// What engine does by itself at setup and configure. Where `hosts`, `hostname` or `time_sync` is absent, it is done on instances that are neither registered nor local, as far as the login may do it.
    BuiltIn {
        /// Whether setup installs the packages that stack and layers list.
        #[schemars(extend("default" = true))]
        packages: bool,
        /// Whether setup and configure keep the users of the stack.
        #[schemars(extend("default" = true))]
        users: bool,
        /// Whether setup and configure keep the names of the online instances in `/etc/hosts`.
        hosts: bool,
        /// Whether setup sets the host name.
        hostname: bool,
        /// Whether setup sees to it that the clock is kept right.
        time_sync: bool,
    }

    /// Somebody who may log in to instances. Who is taken off the file can no longer log in.
    User {
        /// Public keys, as lines of `authorized_keys`.
        ssh_keys: List<String>,
        /// Whether they may do everything through sudo, without a password.
        #[schemars(extend("default" = false))]
        sudo: bool,
        /// Layers whose instances they may log in to; all instances where this is absent.
        layers: List<String>,
        /// Groups that they must be in; they have to exist.
        groups: List<String>,
        /// Login shell; that of the distribution where this is absent.
        shell: String,
        /// Numeric id.
        uid: UserId,
        /// Whether they may no longer log in, whoever made the account.
        #[schemars(extend("default" = false))]
        remove: bool,
    }

    /// How hosts are reached.
    Ssh {
        /// `ssh_config` to read instead of the user's and the system's. Relative to the stack file.
        config: String,
        /// `known_hosts` to read instead of the user's. Relative to the stack file.
        known_hosts: String,
        /// Whether a host that is not known yet is accepted and remembered; what `ssh_config` says where this is absent, and else not. A changed key never is.
        accept_new_host_keys: bool,
        /// User to log in as.
        user: String,
        /// Private key. Relative to the stack file.
        identity_file: String,
        /// How long to wait for a connection, in seconds; what `ssh_config` says where this is absent, and else 10.
        connect_timeout: Seconds,
        /// Whether to become root through sudo when the user is not root.
        #[schemars(extend("default" = true))]
        sudo: bool,
    }

    /// A cookbook that the stack uses.
    #[schemars(extend("required" = ["path"]))]
    Cookbook {
        /// A packed cookbook, or the directory of one that is built. Relative to the stack file.
        path: String,
        /// What the cookbook may do; nothing where this is empty.
        grants: Grants,
    }

    /// What a cookbook may do. Names are globs; in paths `**` crosses directories.
    Grants {
        /// Packages that may be installed, upgraded, held or removed, for example `nginx*`.
        packages: List<String>,
        /// URLs of package repositories, for example `https://nginx.org/packages/**`.
        repositories: List<String>,
        /// Files, directories and links that may be managed, for example `/etc/nginx/**`.
        files: List<String>,
        /// URLs that files may be fetched from and repositories cloned from; `**` crosses slashes.
        downloads: List<String>,
        /// Services that may be controlled.
        services: List<String>,
        /// Units of systemd that may be written; what they start runs as root unless they say otherwise.
        units: List<String>,
        /// Names of cron jobs and timers that may be written; their commands need `execute`.
        schedules: List<String>,
        /// Users that may be managed.
        users: List<String>,
        /// Groups that may be managed.
        groups: List<String>,
        /// Files in `/etc/sudoers.d` that may be written: who writes there gives away root.
        sudoers: List<String>,
        /// What of the system may be set: `hostname`, `timezone`, `locale`, `reboot`, `hosts:NAME`, `sysctl:KEY`, `kernel_module:NAME`, `limits:DOMAIN`.
        system: List<String>,
        /// Swap files, devices and mount points that may be managed, for example `/srv/data`.
        storage: List<String>,
        /// Addresses (`host:port`) and URLs that may be asked whether they answer.
        network: List<String>,
        /// Commands that may be run, as argument vectors; a last `**` stands for any further arguments.
        execute: List<List<String>>,
        /// Names of environment variables that these commands may be given, for example `APP_*`. A command pattern for any command, `["**"]`, grants all.
        environment: List<String>,
        /// Secrets that may be used, for example `db-*`; the cookbook never sees what they are.
        secrets: List<String>,
    }

    /// Instances with one job.
    Layer {
        /// What the layer is for.
        description: String,
        /// Whether setup installs pending updates first; the stack's setting where this is absent.
        update_on_setup: bool,
        /// Packages for the layer's instances, installed at setup: `name`, or `name=version`.
        packages: List<String>,
        /// Recipes to run when an instance is set up from the ground, `cookbook` or `cookbook::recipe`.
        setup: List<String>,
        /// Recipes to run on all online instances when one entered or left the online state.
        configure: List<String>,
        /// Recipes to run when apps are deployed.
        deploy: List<String>,
        /// Recipes to run when apps are taken off.
        undeploy: List<String>,
        /// Recipes to run before an instance stops.
        shutdown: List<String>,
        /// How many seconds the shutdown recipes may take; 120 where this is absent. The run goes on then.
        shutdown_timeout: Seconds,
        /// Layers that must be done before this one begins, in runs that are about both.
        after: List<String>,
        /// How commands go over the instances: in batches, with a canary, and when they stop.
        rollout: Rollout,
        /// Attributes on top of the stack's.
        attributes: Tree,
    }

    /// How commands go over the instances of a layer. An instance of several layers goes with the first of them, in the order of the file.
    Rollout {
        /// How many instances at a time: a number, or a share such as `"25%"`; all where this is absent.
        batch: Batch,
        /// Whether one instance goes first, alone.
        #[schemars(extend("default" = false))]
        canary: bool,
        /// How many instances may fail before no further batch is begun.
        #[schemars(extend("default" = 0))]
        max_failures: Count,
        /// How many seconds to wait between two batches.
        pause: Seconds,
        /// What an instance means that cannot be reached: the others go on, no further batch of the layer and those after it is begun, or none at all.
        #[schemars(extend("default" = "skip"))]
        unreachable: Unreachable,
        /// What must hold of an instance before it counts as done.
        health: Health,
        /// Other strategies for single commands, key by key on top of this one.
        commands: ByCommand<RolloutOfCommand>,
    }

    /// How one command goes over the instances of a layer.
    RolloutOfCommand {
        /// How many instances at a time.
        batch: Batch,
        /// Whether one instance goes first, alone.
        canary: bool,
        /// How many instances may fail before no further batch is begun.
        max_failures: Count,
        /// How many seconds to wait between two batches.
        pause: Seconds,
        /// What an instance means that cannot be reached.
        unreachable: Unreachable,
        /// What must hold of an instance before it counts as done.
        health: Health,
    }

    /// What an instance is asked, on itself, at the end of its part: one of three.
    Health {
        /// Whether something listens on this TCP port.
        port: Port,
        /// Whether this URL answers with a status below 400.
        url: String,
        /// Whether this command, an argument vector, ends with 0.
        command: List<String>,
        /// How many seconds to ask again before the answer counts as no; 60 where this is absent.
        timeout: Seconds,
    }

    /// A machine. It is configured through its layers alone.
    Instance {
        /// Layers it is in. Only a registered instance may be in none.
        layers: List<String>,
        /// Host name, address or alias in `ssh_config`.
        host: String,
        /// How to reach it without SSH; instead of `host`.
        connection: Local,
        /// User to log in as.
        user: String,
        /// TCP port of SSH.
        port: Port,
        /// Private key. Relative to the stack file.
        identity_file: String,
        /// Address that the other instances reach it at; `host` where this is absent.
        address: String,
        /// Host name that it shall have; its name where this is absent.
        hostname: String,
        /// Whether the machine was made by somebody else and handed to the stack.
        #[schemars(extend("default" = false))]
        registered: bool,
    }

    /// Somebody who is told of runs: a webhook, or a command of the controller.
    Notification {
        /// URL that gets a POST of JSON.
        webhook: String,
        /// Environment variable of the controller with that URL: many webhooks' URLs are secrets.
        webhook_variable: String,
        /// Command, an argument vector, that gets the JSON on its standard input.
        command: List<String>,
        /// What of: `start`, `failure`, `success`; failures alone where this is absent.
        on: List<String>,
    }

    /// Something that is deployed to the instances of its layers.
    App {
        /// What the app is.
        description: String,
        /// Layers whose instances serve it.
        layers: List<String>,
        /// Data for the recipes that deploy it.
        attributes: Tree,
        /// Where its source is. With it, engine puts releases on the instances; without, recipes alone deploy the app.
        source: AppSource,
        /// Who fetches the source: the controller once a run, or each instance by itself.
        #[schemars(extend("default" = "controller"))]
        fetch: FetchFrom,
        /// The app's directory on its instances; `/srv/www/` and its name where this is absent.
        path: String,
        /// User who owns releases; root where this is absent.
        owner: String,
        /// Group of releases; root where this is absent.
        group: String,
        /// How many releases stay on an instance.
        #[schemars(extend("default" = 5))]
        keep: Count,
        /// Directories below `shared`, and where in a release the links to them are; those of OpsWorks where this is absent.
        #[schemars(extend("default" = { "log": "log", "pids": "tmp/pids", "system": "public/system" }))]
        shared: Texts,
        /// Files below `shared` that must be there, and where in a release the links to them are.
        shared_files: Texts,
        /// Environment variables of the app: they are written to `shared/.env`, and its commands have them.
        environment: Texts,
        /// Recipes between the stages of a deployment.
        hooks: AppHooks,
        /// Command that migrates, an argument vector, run in the release where migration is asked for.
        migrate: List<String>,
        /// Services that run the app.
        services: List<String>,
        /// Command that starts the app, an argument vector, instead of its services.
        start: List<String>,
        /// Command that stops the app, an argument vector, instead of its services.
        stop: List<String>,
        /// Command that restarts the app, an argument vector, instead of its services.
        restart: List<String>,
    }

    /// Where the source of an app is.
    #[schemars(extend("required" = ["type"]))]
    AppSource {
        /// Of what kind it is.
        r#type: SourceKind,
        /// URL of a repository or an archive.
        url: String,
        /// Branch, tag or commit of a repository.
        #[schemars(extend("default" = "HEAD"))]
        revision: String,
        /// SHA-256 of an archive.
        checksum: String,
        /// How many leading parts of each path in an archive are dropped.
        #[schemars(extend("default" = 0))]
        strip_components: Count,
        /// A directory of the controller. Relative to the stack file.
        path: String,
    }

    /// Recipes between the stages of a deployment.
    AppHooks {
        /// When the release is there.
        before_migrate: List<String>,
        /// Right before it becomes the current one.
        before_symlink: List<String>,
        /// Right after that.
        before_restart: List<String>,
        /// When the app's processes have been restarted.
        after_restart: List<String>,
    }
}
