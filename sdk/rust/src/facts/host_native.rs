//! Facts of a test.

use engine_protocol::facts;

use super::{Address, Cloud, Disk, Filesystem, Group, Interface, Partition, User};
use crate::host::Session;

pub(super) fn cloud(session: &Session) -> Option<Cloud> {
    session.with_facts(|facts| facts.cloud.clone()).map(|cloud| Cloud {
        provider: cloud.provider,
        instance_id: cloud.instance_id,
        instance_type: cloud.instance_type,
        region: cloud.region,
        availability_zone: cloud.availability_zone,
        image_id: cloud.image_id,
        life_cycle: cloud.life_cycle,
        local_hostname: cloud.local_hostname,
        local_ipv4: cloud.local_ipv4,
        public_ipv4: cloud.public_ipv4,
        tags: cloud.tags,
    })
}

pub(super) fn find_user(session: &Session, name: &str) -> Option<User> {
    session.with_facts(|facts| facts.users.iter().find(|user| user.name == name).map(user))
}

pub(super) fn find_group(session: &Session, name: &str) -> Option<Group> {
    session.with_facts(|facts| facts.groups.iter().find(|group| group.name == name).map(group))
}

pub(super) fn disk(disk: &facts::Disk) -> Disk {
    let partition = |of: &facts::Partition| Partition { name: of.name.clone(), size_bytes: of.size_bytes };
    Disk {
        name: disk.name.clone(),
        size_bytes: disk.size_bytes,
        model: disk.model.clone(),
        serial: disk.serial.clone(),
        rotational: disk.rotational,
        removable: disk.removable,
        partitions: disk.partitions.iter().map(partition).collect(),
    }
}

pub(super) fn filesystem(filesystem: &facts::Filesystem) -> Filesystem {
    Filesystem {
        device: filesystem.device.clone(),
        mount_point: filesystem.mount_point.clone(),
        fs_type: filesystem.fs_type.clone(),
        size_bytes: filesystem.size_bytes,
        options: filesystem.options.clone(),
    }
}

pub(super) fn interface(interface: &facts::Interface) -> Interface {
    let address = |of: &facts::Address| Address { address: of.address.clone(), prefix: of.prefix };
    Interface {
        name: interface.name.clone(),
        mac_address: interface.mac_address.clone(),
        mtu: interface.mtu,
        state: interface.state.clone(),
        addresses: interface.addresses.iter().map(address).collect(),
    }
}

pub(super) fn user(user: &facts::User) -> User {
    User {
        name: user.name.clone(),
        uid: user.uid,
        gid: user.gid,
        home: user.home.clone(),
        shell: user.shell.clone(),
    }
}

pub(super) fn group(group: &facts::Group) -> Group {
    Group { name: group.name.clone(), gid: group.gid, members: group.members.clone() }
}
