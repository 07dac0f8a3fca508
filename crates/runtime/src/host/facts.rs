//! `facts`: what the node is.
//!
//! A handle's representation says which facts it is of, those from the beginning or those that a
//! checkpoint brought, and its place in their list.

use engine_contract::node::addresses;
use engine_protocol::{
    Facts,
    facts::{Address, Cloud, Disk, Filesystem, Group, Interface, Partition, User},
};
use wasmtime::component::{
    ComponentNamedList, ComponentType, Lift, LinkerInstance, Lower, Resource, ResourceType,
};

use super::{Caller, State, values::TextOf};
use crate::evaluate::Evaluation;

/// Bits of a handle for the place in a list.
const PLACE_BITS: u32 = 20;

/// What handles stand for. The type itself is what the handle is known by.
trait Listed: Sized + 'static {
    /// Its name in the contract.
    const RESOURCE: &'static str;

    /// Those that the facts have.
    fn all(facts: &Facts) -> &[Self];
}

macro_rules! listed {
    ($($type:ty = $resource:literal, |$facts:ident| $all:expr;)*) => {
        $(impl Listed for $type {
            const RESOURCE: &'static str = $resource;

            fn all($facts: &Facts) -> &[Self] {
                $all
            }
        })*
    };
}

listed! {
    Cloud = "cloud-instance", |facts| facts.cloud.as_slice();
    Disk = "disk", |facts| &facts.disks;
    Filesystem = "filesystem", |facts| &facts.filesystems;
    Interface = "network-interface", |facts| &facts.interfaces;
    User = "account", |facts| &facts.users;
    Group = "account-group", |facts| &facts.groups;
}

/// The contract's `partition`.
#[derive(Debug, Clone, ComponentType, Lower, Lift)]
#[component(record)]
struct WitPartition {
    name: String,
    #[component(name = "size-bytes")]
    size_bytes: u64,
}

impl From<&Partition> for WitPartition {
    fn from(partition: &Partition) -> Self {
        WitPartition { name: partition.name.clone(), size_bytes: partition.size_bytes }
    }
}

/// The contract's `network-address`.
#[derive(Debug, Clone, ComponentType, Lower, Lift)]
#[component(record)]
struct WitAddress {
    address: String,
    prefix: u8,
}

impl From<&Address> for WitAddress {
    fn from(own: &Address) -> Self {
        WitAddress { address: own.address.clone(), prefix: own.prefix }
    }
}

pub(super) fn add(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    values(linker)?;
    lists(linker)?;
    cloud(linker)?;
    disks(linker)?;
    filesystems(linker)?;
    interfaces(linker)?;
    accounts(linker)
}

fn values(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    let texts: [TextOf<Facts>; 23] = [
        ("hostname", |facts| &facts.hostname),
        ("fqdn", |facts| &facts.fqdn),
        ("domain", |facts| &facts.domain),
        ("platform", |facts| &facts.platform.name),
        ("platform-family", |facts| &facts.platform.family),
        ("platform-version", |facts| &facts.platform.version),
        ("platform-codename", |facts| &facts.platform.codename),
        ("kernel-release", |facts| &facts.kernel.release),
        ("architecture", |facts| &facts.architecture),
        ("virtualization", |facts| &facts.virtualization),
        ("cpu-model", |facts| &facts.cpu_model),
        ("ipaddress", |facts| &facts.ipaddress),
        ("ip6address", |facts| &facts.ip6address),
        ("default-interface", |facts| &facts.default_interface),
        ("default-gateway", |facts| &facts.default_gateway),
        ("default-ip6-gateway", |facts| &facts.default_ip6_gateway),
        ("init-system", |facts| &facts.init_system),
        ("package-manager", |facts| &facts.package_manager),
        ("timezone", |facts| &facts.timezone),
        ("locale", |facts| &facts.locale),
        ("selinux", |facts| &facts.selinux),
        ("boot-id", |facts| &facts.boot_id),
        ("machine-id", |facts| &facts.machine_id),
    ];
    for (name, text) in texts {
        value(linker, name, move |facts| text(facts).to_owned())?;
    }
    value(linker, "cpu-count", |facts| facts.cpu_count)?;
    value(linker, "cpu-cores", |facts| facts.cpu_cores)?;
    value(linker, "cpu-sockets", |facts| facts.cpu_sockets)?;
    value(linker, "memory-bytes", |facts| facts.memory_bytes)?;
    value(linker, "swap-bytes", |facts| facts.swap_bytes)?;
    value(linker, "boot-time", |facts| facts.boot_time)?;
    value(linker, "user-id", |facts| facts.user_id)?;
    value(linker, "addresses", addresses)?;
    linker.func_wrap("json", |caller: Caller<'_>, (): ()| {
        Ok((serde_json::to_string(&caller.data().lock().node.facts)?,))
    })
}

/// A function without parameters.
fn value<T>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    get: impl Fn(&Facts) -> T + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    T: ComponentType + Lower + Send + Sync + 'static,
    (T,): ComponentNamedList,
{
    linker.func_wrap(name, move |caller: Caller<'_>, (): ()| Ok((get(&caller.data().lock().node.facts),)))
}

/// A function without parameters of something that has a handle.
fn method<L: Listed, T>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    get: impl Fn(&L) -> T + Send + Sync + 'static,
) -> wasmtime::Result<()>
where
    T: ComponentType + Lower + Send + Sync + 'static,
    (T,): ComponentNamedList,
{
    let name = format!("[method]{}.{name}", L::RESOURCE);
    linker.func_wrap(&name, move |caller: Caller<'_>, (this,): (Resource<L>,)| {
        let evaluation = caller.data().lock();
        Ok((get(behind(&evaluation, &this)?),))
    })
}

/// Functions that return texts.
fn texts<L: Listed>(linker: &mut LinkerInstance<'_, State>, texts: &[TextOf<L>]) -> wasmtime::Result<()> {
    for &(name, text) in texts {
        method::<L, String>(linker, name, move |this| text(this).to_owned())?;
    }
    Ok(())
}

fn behind<'a, L: Listed>(evaluation: &'a Evaluation, handle: &Resource<L>) -> wasmtime::Result<&'a L> {
    let (snapshot, place) = (handle.rep() >> PLACE_BITS, handle.rep() & ((1 << PLACE_BITS) - 1));
    let facts = evaluation.facts_at(snapshot as usize);
    facts
        .and_then(|facts| L::all(facts).get(place as usize))
        .ok_or_else(|| wasmtime::Error::msg(format!("there is no such {}", L::RESOURCE)))
}

/// The handle of something at a place in the present facts' list.
fn handle<L: Listed>(evaluation: &Evaluation, place: usize) -> wasmtime::Result<Resource<L>> {
    let part = |number: usize, bits: u32| u32::try_from(number).ok().filter(|number| number >> bits == 0);
    let rep = part(evaluation.facts_snapshot(), u32::BITS - PLACE_BITS)
        .zip(part(place, PLACE_BITS))
        .map(|(snapshot, place)| snapshot << PLACE_BITS | place);
    let too_many =
        || wasmtime::Error::msg(format!("there are more than {} of {}", 1 << PLACE_BITS, L::RESOURCE));
    rep.map(Resource::new_own).ok_or_else(too_many)
}

fn kind<L: Listed>(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.resource(L::RESOURCE, ResourceType::host::<L>(), |_, _| Ok(()))
}

/// A function that returns handles of all that there are.
fn list<L: Listed>(linker: &mut LinkerInstance<'_, State>, name: &str) -> wasmtime::Result<()> {
    linker.func_wrap(name, |caller: Caller<'_>, (): ()| {
        let evaluation = caller.data().lock();
        let places = 0..L::all(&evaluation.node.facts).len();
        Ok((places.map(|place| handle::<L>(&evaluation, place)).collect::<wasmtime::Result<Vec<_>>>()?,))
    })
}

/// A function that returns the handle of the one with a name.
fn find<L: Listed>(
    linker: &mut LinkerInstance<'_, State>,
    name: &str,
    name_of: fn(&L) -> &str,
) -> wasmtime::Result<()> {
    linker.func_wrap(name, move |caller: Caller<'_>, (wanted,): (String,)| {
        let evaluation = caller.data().lock();
        let place = L::all(&evaluation.node.facts).iter().position(|one| name_of(one) == wanted);
        Ok((place.map(|place| handle::<L>(&evaluation, place)).transpose()?,))
    })
}

fn lists(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    kind::<Cloud>(linker)?;
    kind::<Disk>(linker)?;
    kind::<Filesystem>(linker)?;
    kind::<Interface>(linker)?;
    kind::<User>(linker)?;
    kind::<Group>(linker)?;
    list::<Disk>(linker, "disks")?;
    list::<Filesystem>(linker, "filesystems")?;
    list::<Interface>(linker, "interfaces")?;
    list::<User>(linker, "users")?;
    find::<User>(linker, "find-user", |user| &user.name)?;
    list::<Group>(linker, "groups")?;
    find::<Group>(linker, "find-group", |group| &group.name)?;
    linker.func_wrap("cloud", |caller: Caller<'_>, (): ()| {
        let evaluation = caller.data().lock();
        let cloud = evaluation.node.facts.cloud.as_ref();
        Ok((cloud.map(|_| handle::<Cloud>(&evaluation, 0)).transpose()?,))
    })
}

fn cloud(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    texts::<Cloud>(
        linker,
        &[
            ("provider", |cloud| &cloud.provider),
            ("instance-id", |cloud| &cloud.instance_id),
            ("instance-type", |cloud| &cloud.instance_type),
            ("region", |cloud| &cloud.region),
            ("availability-zone", |cloud| &cloud.availability_zone),
            ("image-id", |cloud| &cloud.image_id),
            ("life-cycle", |cloud| &cloud.life_cycle),
            ("local-hostname", |cloud| &cloud.local_hostname),
            ("local-ipv4", |cloud| &cloud.local_ipv4),
            ("public-ipv4", |cloud| &cloud.public_ipv4),
        ],
    )?;
    method(linker, "tags", |cloud: &Cloud| {
        cloud.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Vec<_>>()
    })
}

fn disks(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    texts::<Disk>(
        linker,
        &[("name", |disk| &disk.name), ("model", |disk| &disk.model), ("serial", |disk| &disk.serial)],
    )?;
    method(linker, "size-bytes", |disk: &Disk| disk.size_bytes)?;
    method(linker, "rotational", |disk: &Disk| disk.rotational)?;
    method(linker, "removable", |disk: &Disk| disk.removable)?;
    method(linker, "partitions", |disk: &Disk| {
        disk.partitions.iter().map(WitPartition::from).collect::<Vec<_>>()
    })
}

fn filesystems(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    texts::<Filesystem>(
        linker,
        &[
            ("device", |filesystem| &filesystem.device),
            ("mount-point", |filesystem| &filesystem.mount_point),
            ("fs-type", |filesystem| &filesystem.fs_type),
        ],
    )?;
    method(linker, "size-bytes", |filesystem: &Filesystem| filesystem.size_bytes)?;
    method(linker, "options", |filesystem: &Filesystem| filesystem.options.clone())
}

fn interfaces(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    texts::<Interface>(
        linker,
        &[
            ("name", |interface| &interface.name),
            ("mac-address", |interface| &interface.mac_address),
            ("state", |interface| &interface.state),
        ],
    )?;
    method(linker, "mtu", |interface: &Interface| interface.mtu)?;
    method(linker, "addresses", |interface: &Interface| {
        interface.addresses.iter().map(WitAddress::from).collect::<Vec<_>>()
    })
}

fn accounts(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    texts::<User>(
        linker,
        &[("name", |user| &user.name), ("home", |user| &user.home), ("shell", |user| &user.shell)],
    )?;
    method(linker, "uid", |user: &User| user.uid)?;
    method(linker, "gid", |user: &User| user.gid)?;
    texts::<Group>(linker, &[("name", |group| &group.name)])?;
    method(linker, "gid", |group: &Group| group.gid)?;
    method(linker, "members", |group: &Group| group.members.clone())
}
