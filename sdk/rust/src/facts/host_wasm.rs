//! Facts as the host gives them, in handles.

use super::{Address, Cloud, Disk, Filesystem, Group, Interface, Partition, User};
use crate::host::{Session, bindings::engine::cookbook::facts};

pub(super) fn cloud(_: &Session) -> Option<Cloud> {
    facts::cloud().map(|cloud| Cloud {
        provider: cloud.provider(),
        instance_id: cloud.instance_id(),
        instance_type: cloud.instance_type(),
        region: cloud.region(),
        availability_zone: cloud.availability_zone(),
        image_id: cloud.image_id(),
        life_cycle: cloud.life_cycle(),
        local_hostname: cloud.local_hostname(),
        local_ipv4: cloud.local_ipv4(),
        public_ipv4: cloud.public_ipv4(),
        tags: cloud.tags().into_iter().collect(),
    })
}

pub(super) fn find_user(_: &Session, name: &str) -> Option<User> {
    facts::find_user(name).as_ref().map(user)
}

pub(super) fn find_group(_: &Session, name: &str) -> Option<Group> {
    facts::find_group(name).as_ref().map(group)
}

pub(super) fn disk(disk: &facts::Disk) -> Disk {
    let partition = |of: facts::Partition| Partition { name: of.name, size_bytes: of.size_bytes };
    Disk {
        name: disk.name(),
        size_bytes: disk.size_bytes(),
        model: disk.model(),
        serial: disk.serial(),
        rotational: disk.rotational(),
        removable: disk.removable(),
        partitions: disk.partitions().into_iter().map(partition).collect(),
    }
}

pub(super) fn filesystem(filesystem: &facts::Filesystem) -> Filesystem {
    Filesystem {
        device: filesystem.device(),
        mount_point: filesystem.mount_point(),
        fs_type: filesystem.fs_type(),
        size_bytes: filesystem.size_bytes(),
        options: filesystem.options(),
    }
}

pub(super) fn interface(interface: &facts::NetworkInterface) -> Interface {
    let address = |of: facts::NetworkAddress| Address { address: of.address, prefix: of.prefix };
    Interface {
        name: interface.name(),
        mac_address: interface.mac_address(),
        mtu: interface.mtu(),
        state: interface.state(),
        addresses: interface.addresses().into_iter().map(address).collect(),
    }
}

pub(super) fn user(account: &facts::Account) -> User {
    User {
        name: account.name(),
        uid: account.uid(),
        gid: account.gid(),
        home: account.home(),
        shell: account.shell(),
    }
}

pub(super) fn group(group: &facts::AccountGroup) -> Group {
    Group { name: group.name(), gid: group.gid(), members: group.members() }
}
