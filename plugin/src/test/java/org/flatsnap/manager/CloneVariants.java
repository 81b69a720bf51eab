package org.flatsnap.manager;

import java.util.List;

/** Originals, and what becomes of them in a clone: the tables of {@link DomainXmlCloneTest}. */
final class CloneVariants {
    private CloneVariants() {}

    /** Whether the libvirt at hand takes a variant. */
    enum Known {
        /** It does. */
        YES,
        /** It passes over what is newer than itself in the original, or sets it up differently, and takes the clone. */
        CLONE,
        /** It refuses both if a program or a feature of QEMU is missing on this host. */
        PERHAPS
    }

    /**
     * One variant. {@code {name}} and {@code {id}} stand for the clone's, {@code {mac}} for any address of QEMU's.
     *
     * @param where the element that it is in
     */
    record Variant(String title, String where, String original, String result, List<String> warnings, Known known) {
        Variant but(Known here) {
            return new Variant(title, where, original, result, warnings, here);
        }

        @Override
        public String toString() {
            return title;
        }
    }

    private static Variant device(String title, String original, String clone, String... warnings) {
        return new Variant(title, "devices", original, clone, List.of(warnings), Known.YES);
    }

    private static Variant stays(String title, String device, String... warnings) {
        return device(title, device, device, warnings);
    }

    private static Variant goes(String title, String device, String what) {
        return device(title, device, "", what + " was left out of the clone: it belongs to the original");
    }

    private static Variant os(String title, String original, String clone, String... warnings) {
        return new Variant(title, "os", original, clone, List.of(warnings), Known.YES);
    }

    private static Variant domain(String title, String original, String clone, String... warnings) {
        return new Variant(title, "domain", original, clone, List.of(warnings), Known.YES);
    }

    static List<Variant> identity() {
        return List.of(
                domain("genid", "<genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>", "<genid/>"),
                domain(
                        "firmware tables, the second of two",
                        "<sysinfo type='fwcfg'><entry name='opt/a.b'>x</entry></sysinfo><sysinfo type='smbios'><system>"
                                + "<entry name='serial'>s</entry><entry name='uuid'>{original}</entry></system></sysinfo>",
                        "<sysinfo type='fwcfg'><entry name='opt/a.b'>x</entry></sysinfo><sysinfo type='smbios'><system>"
                                + "<entry name='serial'>s</entry><entry name='uuid'>{id}</entry></system></sysinfo>"),
                domain(
                        "metadata",
                        "<metadata><o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'><o:os id='http://debian.org/debian/12'/></o:libosinfo></metadata>",
                        "<metadata><o:libosinfo xmlns:o='http://libosinfo.org/xmlns/libvirt/domain/1.0'><o:os id='http://debian.org/debian/12'/></o:libosinfo></metadata>"),
                domain(
                        "fixed SELinux label",
                        "<seclabel type='static' model='selinux' relabel='no'><label>u:r:t:s0:c392,c662</label></seclabel>",
                        "<seclabel type='dynamic' model='selinux' relabel='yes'/>",
                        "the fixed security label u:r:t:s0:c392,c662 stays with the original: libvirt makes one for the clone"),
                domain(
                        "fixed AppArmor label",
                        "<seclabel type='static' model='apparmor' relabel='yes'><label>mine</label></seclabel>",
                        "<seclabel type='dynamic' model='apparmor' relabel='yes'/>",
                        "the fixed security label mine stays with the original: libvirt makes one for the clone"),
                domain(
                        "fixed user",
                        "<seclabel type='static' model='dac' relabel='yes'><label>+0:+0</label></seclabel>",
                        "<seclabel type='static' model='dac' relabel='yes'><label>+0:+0</label></seclabel>",
                        "the clone runs as the same user as the original, +0:+0"),
                domain(
                        "labels that libvirt makes",
                        "<seclabel type='dynamic' model='dac' relabel='yes'/><seclabel type='none' model='selinux'/>",
                        "<seclabel type='dynamic' model='dac' relabel='yes'/><seclabel type='none' model='selinux'/>"),
                domain(
                        "arguments for QEMU",
                        "<qemu:commandline><qemu:arg value='-D'/><qemu:arg value='/l/a'/></qemu:commandline>",
                        "<qemu:commandline><qemu:arg value='-D'/><qemu:arg value='/l/a'/></qemu:commandline>",
                        "QEMU's own arguments were not changed: files and ports in them are those of the original"));
    }

    static List<Variant> disks() {
        String left = "disk vdb is not in the snapshot and was left out of the clone";
        return List.of(
                device(
                        "disk of the snapshot",
                        "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/d/a' startupPolicy='optional'/><target dev='vda' bus='virtio'/><serial>s1</serial></disk>",
                        "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/d/clone-vda.raw' startupPolicy='optional'/><target dev='vda' bus='virtio'/><serial>s1</serial></disk>"),
                device(
                        "disk without driver",
                        "<disk type='file' device='disk'><source file='/d/a'/><target dev='vda' bus='virtio'/></disk>",
                        "<disk type='file' device='disk'><source file='/d/clone-vda.raw'/><target dev='vda' bus='virtio'/></disk>"),
                device(
                        "disk with a chain in its definition",
                        "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/d/a'/><backingStore type='file'><format type='raw'/><source file='/d/base'/></backingStore><target dev='vda' bus='virtio'/></disk>",
                        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='/d/clone-vda.raw'/><target dev='vda' bus='virtio'/></disk>"),
                device(
                        "disk that was a block device when the VM was last off",
                        "<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/vg/a'/><target dev='vda' bus='virtio'/></disk>",
                        "<disk type='file' device='disk'><driver name='qemu' type='raw'/><target dev='vda' bus='virtio'/><source file='/d/clone-vda.raw'/></disk>"),
                device(
                        "disk outside of the snapshot",
                        "<disk type='file' device='disk'><source file='/d/b'/><target dev='vdb' bus='virtio'/></disk>",
                        "",
                        left),
                device(
                        "block device",
                        "<disk type='block' device='disk'><source dev='/dev/vg/b'/><target dev='vdb' bus='virtio'/></disk>",
                        "",
                        left),
                device(
                        "shareable disk",
                        "<disk type='file' device='disk'><source file='/d/b'/><target dev='vdb' bus='virtio'/><shareable/></disk>",
                        "",
                        left),
                device(
                        "network disk",
                        "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd' name='b'><host name='h' port='10809'/></source><target dev='vdb' bus='virtio'/></disk>",
                        "",
                        left),
                device(
                        "volume",
                        "<disk type='volume' device='disk'><source pool='p' volume='b'/><target dev='vdb' bus='virtio'/></disk>",
                        "",
                        left),
                device(
                        "NVMe device, though read-only",
                        "<disk type='nvme' device='disk'><driver name='qemu' type='raw'/><source type='pci' managed='yes' namespace='1'><address domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></source><target dev='vdb' bus='virtio'/><readonly/></disk>",
                        "",
                        left),
                stays(
                        "read-only disk",
                        "<disk type='file' device='disk'><source file='/d/b'/><target dev='vdb' bus='virtio'/><readonly/></disk>"),
                stays(
                        "CD",
                        "<disk type='file' device='cdrom'><source file='/d/a.iso' startupPolicy='optional'/><target dev='hdc' bus='ide'/><readonly/></disk>"),
                stays(
                        "CD drive of the host",
                        "<disk type='block' device='cdrom'><source dev='/dev/sr0'/><target dev='hdc' bus='ide'/><readonly/></disk>"),
                stays(
                        "empty drives",
                        "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk><disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>"),
                device(
                        "floppy",
                        "<disk type='file' device='floppy'><source file='/d/a.img'/><target dev='fda' bus='fdc'/></disk>",
                        "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>",
                        "the floppy in drive fda (/d/a.img) is writable and stays with the original: the clone's drive is empty"),
                device(
                        "floppy drive of the host",
                        "<disk type='block' device='floppy'><source dev='/dev/fd0'/><target dev='fda' bus='fdc'/></disk>",
                        "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>",
                        "the floppy in drive fda (/dev/fd0) is writable and stays with the original: the clone's drive is empty"),
                stays(
                        "write-protected floppy",
                        "<disk type='file' device='floppy'><source file='/d/a.img'/><target dev='fda' bus='fdc'/><readonly/></disk>"),
                stays(
                        "floppy made of a directory",
                        "<disk type='dir' device='floppy'><driver name='qemu' type='fat'/><source dir='/d'/><target dev='fda' bus='fdc'/><readonly/></disk>"));
    }

    static List<Variant> firmware() {
        String loader = "<loader readonly='yes' type='pflash'>/f/CODE.fd</loader>";
        String made = loader + "<nvram>/n/clone_VARS.fd</nvram>";
        return List.of(
                os("NVRAM file", loader + "<nvram>/n/a_VARS.fd</nvram>", made),
                os(
                        "NVRAM file with template",
                        loader + "<nvram template='/f/VARS.fd'>/n/a_VARS.fd</nvram>",
                        loader + "<nvram template='/f/VARS.fd'>/n/clone_VARS.fd</nvram>"),
                os(
                        "NVRAM written like a disk",
                        loader + "<nvram type='file'><source file='/n/a_VARS.fd'/></nvram>",
                        made),
                os("NVRAM that libvirt names later", loader, made).but(Known.CLONE));
    }

    static List<Variant> firmwareOutsideOfTheSnapshot() {
        String loader = "<loader readonly='yes' type='pflash'>/f/CODE.fd</loader>";
        String afresh = "the firmware's variables are not in the snapshot: those of the clone start afresh";
        return List.of(
                os("file", loader + "<nvram>/n/a_VARS.fd</nvram>", loader, afresh),
                os(
                        "file with template",
                        loader + "<nvram template='/f/VARS.fd'>/n/a_VARS.fd</nvram>",
                        loader + "<nvram template='/f/VARS.fd'/>",
                        afresh),
                os(
                        "file written like a disk",
                        loader + "<nvram type='file'><source file='/n/a_VARS.fd'/></nvram>",
                        loader,
                        afresh),
                os("block device", loader + "<nvram type='block'><source dev='/dev/vg/n'/></nvram>", loader, afresh),
                os(
                                "not named yet",
                                loader + "<nvram template='/f/VARS.fd'/>",
                                loader + "<nvram template='/f/VARS.fd'/>")
                        .but(Known.CLONE),
                os(
                                "variable store of libvirt 11",
                                "<varstore template='/f/VARS.json' path='/n/a.json'/>",
                                "<varstore template='/f/VARS.json'/>",
                                afresh)
                        .but(Known.CLONE),
                os(
                        "writable loader",
                        "<loader readonly='no' type='pflash'>/f/BOTH.fd</loader>",
                        "<loader readonly='no' type='pflash'>/f/BOTH.fd</loader>",
                        "firmware /f/BOTH.fd is writable, and the original and the clone both use it: do not run both at once"),
                os(
                        "kernel",
                        "<kernel>/k/vmlinuz</kernel><initrd>/k/initrd</initrd><cmdline>quiet</cmdline>",
                        "<kernel>/k/vmlinuz</kernel><initrd>/k/initrd</initrd><cmdline>quiet</cmdline>"));
    }

    static List<Variant> networks() {
        String mac = "<mac address='52:54:00:00:00:01'/>";
        String fresh = "<mac address='{mac}'/>";
        String interfaceOne = "network interface 52:54:00:00:00:01";
        return List.of(
                device(
                        "bridge",
                        "<interface type='bridge'>" + mac
                                + "<source bridge='b'/><target dev='tap7'/><model type='virtio'/></interface>",
                        "<interface type='bridge'>" + fresh + "<source bridge='b'/><model type='virtio'/></interface>"),
                device(
                        "virtual network",
                        "<interface type='network'>" + mac + "<source network='default'/></interface>",
                        "<interface type='network'>" + fresh + "<source network='default'/></interface>"),
                device(
                        "no address given",
                        "<interface type='user'/>",
                        "<interface type='user'>" + fresh + "</interface>"),
                device(
                        "address of another maker",
                        "<interface type='user'><mac address='00:16:3E:AA:BB:CC'/></interface>",
                        "<interface type='user'>" + fresh + "</interface>"),
                device(
                        "Open vSwitch",
                        "<interface type='bridge'>" + mac
                                + "<source bridge='b'/><virtualport type='openvswitch'><parameters interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f' profileid='p'/></virtualport></interface>",
                        "<interface type='bridge'>" + fresh
                                + "<source bridge='b'/><virtualport type='openvswitch'><parameters profileid='p'/></virtualport></interface>"),
                device(
                        "802.1Qbg",
                        "<interface type='direct'>" + mac
                                + "<source dev='eth0' mode='vepa'/><virtualport type='802.1Qbg'><parameters managerid='11' typeid='1193047' typeidversion='2' instanceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/></virtualport></interface>",
                        "<interface type='direct'>" + fresh
                                + "<source dev='eth0' mode='vepa'/><virtualport type='802.1Qbg'><parameters managerid='11' typeid='1193047' typeidversion='2'/></virtualport></interface>"),
                goes(
                        "MidoNet",
                        "<interface type='bridge'>" + mac
                                + "<source bridge='b'/><virtualport type='midonet'><parameters interfaceid='09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f'/></virtualport></interface>",
                        interfaceOne),
                goes(
                        "device of the host, passed through",
                        "<interface type='direct'>" + mac + "<source dev='eth0' mode='passthrough'/></interface>",
                        interfaceOne),
                goes(
                        "PCI device",
                        "<interface type='hostdev' managed='yes'>" + mac
                                + "<source><address type='pci' domain='0x0000' bus='0x00' slot='0x07' function='0x0'/></source></interface>",
                        interfaceOne),
                goes(
                        "vhost-user",
                        "<interface type='vhostuser'>" + mac
                                + "<source type='unix' path='/s/a' mode='server'/><model type='virtio'/></interface>",
                        interfaceOne),
                goes(
                        "vDPA",
                        "<interface type='vdpa'>" + mac + "<source dev='/dev/vhost-vdpa-0'/></interface>",
                        interfaceOne),
                device(
                        "pair for failover",
                        "<interface type='bridge'>" + mac
                                + "<source bridge='b'/><model type='virtio'/><teaming type='persistent'/><alias name='ua-b'/></interface>"
                                + "<interface type='network'>" + mac
                                + "<source network='n'/><teaming type='transient' persistent='ua-b'/></interface>",
                        "<interface type='bridge'>" + fresh
                                + "<source bridge='b'/><model type='virtio'/><teaming type='persistent'/><alias name='ua-b'/></interface>",
                        interfaceOne + " was left out of the clone: it belongs to the original"),
                device(
                        "tunnel's listening end",
                        "<interface type='server'>" + mac + "<source address='127.0.0.1' port='5558'/></interface>",
                        "<interface type='server'>" + fresh + "<source address='127.0.0.1' port='5558'/></interface>",
                        "the clone listens at 127.0.0.1:5558 just as the original does: both cannot run at once"),
                device(
                        "UDP tunnel",
                        "<interface type='udp'>" + mac
                                + "<source address='127.0.0.1' port='5557'><local address='127.0.0.1' port='5556'/></source></interface>",
                        "<interface type='udp'>" + fresh
                                + "<source address='127.0.0.1' port='5557'><local address='127.0.0.1' port='5556'/></source></interface>",
                        "the clone listens at 127.0.0.1:5556 just as the original does: both cannot run at once"),
                device(
                                "passt",
                                "<interface type='user'>" + mac
                                        + "<backend type='passt' logFile='/l/passt'/><portForward proto='tcp'><range start='2022' to='22'/></portForward></interface>",
                                "<interface type='user'>" + fresh
                                        + "<backend type='passt' logFile='/l/passt.{name}'/><portForward proto='tcp'><range start='2022' to='22'/></portForward></interface>",
                                "output that went to /l/passt goes to /l/passt.{name} in the clone",
                                "the clone listens at 2022 just as the original does: both cannot run at once")
                        .but(Known.PERHAPS));
    }

    static List<Variant> screens() {
        String port = "the clone's vnc screen is at another port than the original's: see 'virsh domdisplay'";
        String socket = "the clone's vnc screen is at another socket than /s/vnc: see 'virsh domdisplay'";
        return List.of(
                stays(
                        "port that libvirt chooses",
                        "<graphics type='vnc' port='-1' autoport='yes' passwd='p'><listen type='address' address='0.0.0.0'/></graphics>"),
                device(
                        "fixed port",
                        "<graphics type='vnc' port='5977' autoport='no' passwd='p'><listen type='address' address='0.0.0.0'/></graphics>",
                        "<graphics type='vnc' port='-1' autoport='yes' passwd='p'><listen type='address' address='0.0.0.0'/></graphics>",
                        port),
                device(
                        "fixed ports, briefly",
                        "<graphics type='vnc' port='5977' websocket='5777'/>",
                        "<graphics type='vnc' port='-1' autoport='yes' websocket='-1'/>",
                        port),
                device(
                        "fixed port for browsers only",
                        "<graphics type='vnc' port='-1' autoport='yes' websocket='5777'/>",
                        "<graphics type='vnc' port='-1' autoport='yes' websocket='-1'/>",
                        port),
                device(
                        "SPICE",
                        "<graphics type='spice' port='5978' autoport='no'/>",
                        "<graphics type='spice' port='-1' autoport='yes'/>",
                        "the clone's spice screen is at another port than the original's: see 'virsh domdisplay'"),
                device(
                                "SPICE with TLS",
                                "<graphics type='spice' port='5978' tlsPort='5979' autoport='no'/>",
                                "<graphics type='spice' port='-1' autoport='yes'/>",
                                "the clone's spice screen is at another port than the original's: see 'virsh domdisplay'")
                        .but(Known.CLONE),
                device(
                                "RDP",
                                "<graphics type='rdp' port='3389' autoport='no'/>",
                                "<graphics type='rdp' port='-1' autoport='yes'/>",
                                "the clone's rdp screen is at another port than the original's: see 'virsh domdisplay'")
                        .but(Known.PERHAPS),
                stays("SPICE that nobody reaches", "<graphics type='spice'><listen type='none'/></graphics>"),
                device(
                        "socket",
                        "<graphics type='vnc' socket='/s/vnc'><listen type='socket' socket='/s/vnc'/></graphics>",
                        "<graphics type='vnc'><listen type='socket'/></graphics>",
                        socket),
                stays("socket that libvirt chooses", "<graphics type='vnc'><listen type='socket'/></graphics>"),
                device(
                        "D-Bus",
                        "<graphics type='dbus' address='unix:path=/s/bus'/>",
                        "<graphics type='dbus'/>",
                        "the clone's screen is not at the bus unix:path=/s/bus but at one of its own"),
                stays("window", "<graphics type='sdl' display=':0' xauth='/x'/>"));
    }

    static List<Variant> streams() {
        String path = "<source path='/s/a'/>";
        String moved = "<source path='/s/a.{name}'/>";
        String bound = "<source mode='bind' path='/s/a'/>";
        String boundMoved = "<source mode='bind' path='/s/a.{name}'/>";
        String file = "output that went to /s/a goes to /s/a.{name} in the clone";
        String socket = "the socket /s/a is /s/a.{name} in the clone";
        String connects = "the clone connects to /s/a just as the original does";
        String pipe = "the pipe /s/a is /s/a.{name} in the clone: make it with mkfifo before the clone starts";
        String terminal =
                "the host's device /dev/ttyS0 stays with the original: the clone has a terminal of its own in its place, see 'virsh ttyconsole'";
        String agent = "<target type='virtio' name='org.qemu.guest_agent.0'/>";
        return List.of(
                stays(
                        "terminal",
                        "<serial type='pty'><target port='0'/></serial><console type='pty'><target type='virtio' port='1'/></console><parallel type='null'/>"),
                device(
                        "file",
                        "<serial type='file'><source path='/s/a' append='on'/></serial>",
                        "<serial type='file'><source path='/s/a.{name}' append='on'/></serial>",
                        file),
                stays("nowhere", "<serial type='file'><source path='/dev/null'/></serial>"),
                device(
                        "port and console in one",
                        "<serial type='file'>" + path + "<target port='0'/></serial><console type='file'>" + path
                                + "<target type='serial' port='0'/></console>",
                        "<serial type='file'>" + moved + "<target port='0'/></serial><console type='file'>" + moved
                                + "<target type='serial' port='0'/></console>",
                        file),
                device(
                        "log",
                        "<serial type='pty'><log file='/l/a' append='on'/></serial>",
                        "<serial type='pty'><log file='/l/a.{name}' append='on'/></serial>",
                        "output that went to /l/a goes to /l/a.{name} in the clone"),
                device(
                        "socket",
                        "<serial type='unix'>" + bound + "</serial>",
                        "<serial type='unix'>" + boundMoved + "</serial>",
                        socket),
                device(
                        "socket with log",
                        "<serial type='unix'>" + bound + "<log file='/l/a'/></serial>",
                        "<serial type='unix'>" + boundMoved + "<log file='/l/a.{name}'/></serial>",
                        "output that went to /l/a goes to /l/a.{name} in the clone",
                        socket),
                device(
                        "socket of a virtio console",
                        "<console type='unix'>" + bound + "<target type='virtio' port='0'/></console>",
                        "<console type='unix'>" + boundMoved + "<target type='virtio' port='0'/></console>",
                        socket),
                device(
                        "socket of a parallel port",
                        "<parallel type='unix'>" + bound + "</parallel>",
                        "<parallel type='unix'>" + boundMoved + "</parallel>",
                        socket),
                stays(
                        "socket of somebody else",
                        "<serial type='unix'><source mode='connect' path='/s/a'/></serial>",
                        connects),
                device(
                        "pipe",
                        "<serial type='pipe'>" + path + "</serial>",
                        "<serial type='pipe'>" + moved + "</serial>",
                        pipe),
                device(
                        "device of the host",
                        "<serial type='dev'><source path='/dev/ttyS0'/></serial>",
                        "<serial type='pty'/>",
                        terminal),
                device(
                        "device of the host, parallel",
                        "<parallel type='dev'><source path='/dev/ttyS0'/></parallel>",
                        "<parallel type='pty'/>",
                        terminal),
                stays(
                        "TCP",
                        "<serial type='tcp'><source mode='bind' host='127.0.0.1' service='2445'/><protocol type='telnet'/></serial>",
                        "the clone listens at 127.0.0.1:2445 just as the original does: both cannot run at once"),
                stays(
                        "TCP to somebody else",
                        "<serial type='tcp'><source mode='connect' host='127.0.0.1' service='2445'/><protocol type='raw'/></serial>",
                        "the clone connects to 127.0.0.1:2445 just as the original does"),
                stays(
                        "UDP",
                        "<serial type='udp'><source mode='bind' host='127.0.0.1' service='2446'/><source mode='connect' host='127.0.0.1' service='2447'/></serial>",
                        "the clone listens at 127.0.0.1:2446 just as the original does: both cannot run at once",
                        "the clone connects to 127.0.0.1:2447 just as the original does"),
                stays("agent", "<channel type='unix'>" + agent + "</channel>"),
                device(
                        "agent at a socket",
                        "<channel type='unix'>" + bound + agent + "</channel>",
                        "<channel type='unix'>" + agent + "</channel>",
                        "the socket /s/a stays with the original: libvirt chooses that of the clone"),
                stays(
                        "channel to somebody else",
                        "<channel type='unix'><source mode='connect' path='/s/a'/>" + agent + "</channel>",
                        connects),
                device(
                        "channel to an address in the guest's network",
                        "<channel type='unix'>" + bound
                                + "<target type='guestfwd' address='10.0.2.1' port='4600'/></channel>",
                        "<channel type='unix'>" + boundMoved
                                + "<target type='guestfwd' address='10.0.2.1' port='4600'/></channel>",
                        socket),
                device(
                        "channel to a file",
                        "<channel type='file'>" + path + "<target type='virtio' name='a.b'/></channel>",
                        "<channel type='file'>" + moved + "<target type='virtio' name='a.b'/></channel>",
                        file),
                device(
                        "channel to a pipe",
                        "<channel type='pipe'>" + path + "<target type='virtio' name='a.b'/></channel>",
                        "<channel type='pipe'>" + moved + "<target type='virtio' name='a.b'/></channel>",
                        pipe),
                stays(
                        "channel through the screen",
                        "<graphics type='spice' autoport='yes' port='-1'/><channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"),
                device(
                        "random numbers from a socket",
                        "<rng model='virtio'><backend model='egd' type='unix'>" + bound + "</backend></rng>",
                        "<rng model='virtio'><backend model='egd' type='unix'>" + boundMoved + "</backend></rng>",
                        socket),
                stays("random numbers", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"),
                stays(
                        "USB over TCP",
                        "<redirdev bus='usb' type='tcp'><source mode='connect' host='127.0.0.1' service='4000'/><protocol type='raw'/></redirdev>",
                        "the clone connects to 127.0.0.1:4000 just as the original does"),
                device(
                        "smartcard at a socket",
                        "<smartcard mode='passthrough' type='unix'>" + bound + "</smartcard>",
                        "<smartcard mode='passthrough' type='unix'>" + boundMoved + "</smartcard>",
                        socket),
                device(
                        "sound",
                        "<audio id='1' type='file' path='/s/a'/>",
                        "<audio id='1' type='file' path='/s/a.{name}'/>",
                        file));
    }

    static List<Variant> others() {
        return List.of(
                goes(
                        "directory of the host",
                        "<filesystem type='mount' accessmode='passthrough'><source dir='/d'/><target dir='share'/></filesystem>",
                        "shared directory dir=share"),
                goes(
                        "shared memory",
                        "<shmem name='board'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>",
                        "shared memory board"),
                goes(
                        "PCI device",
                        "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x06' slot='0x02' function='0x0'/></source></hostdev>",
                        "host device bus=0x06 domain=0x0000 function=0x0 slot=0x02"),
                goes(
                        "USB device",
                        "<hostdev mode='subsystem' type='usb' managed='no'><source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>",
                        "host device id=0x1234 id=0xbeef"),
                goes(
                        "lease",
                        "<lease><lockspace>space</lockspace><key>k1</key><target path='/l/a' offset='1'/></lease>",
                        "lease k1"),
                goes(
                        "keyboard of the host",
                        "<input type='evdev'><source dev='/dev/input/event1' grab='all'/></input>",
                        "host's input device dev=/dev/input/event1 grab=all"),
                goes(
                        "input of the host, passed through",
                        "<input type='passthrough' bus='virtio'><source evdev='/dev/input/event2'/></input>",
                        "host's input device evdev=/dev/input/event2"),
                stays("tablet", "<input type='tablet' bus='usb'/>"),
                goes(
                                "crash record",
                                "<pstore backend='acpi-erst'><path>/p/a</path><size unit='KiB'>8</size></pstore>",
                                "crash record /p/a")
                        .but(Known.CLONE),
                goes(
                        "TPM of the host",
                        "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>",
                        "TPM passthrough"),
                goes(
                                "TPM of somebody else",
                                "<tpm model='tpm-tis'><backend type='external'><source type='unix' mode='connect' path='/s/tpm'/></backend></tpm>",
                                "TPM external")
                        .but(Known.CLONE),
                device(
                                "TPM",
                                "<tpm model='tpm-tis'><backend type='emulator' version='2.0'><source type='dir' path='/t/a'/></backend></tpm>",
                                "<tpm model='tpm-tis'><backend type='emulator' version='2.0'/></tpm>",
                                "the state of the TPM is not in the snapshot: that of the clone starts empty")
                        .but(Known.PERHAPS),
                device(
                        "vsock",
                        "<vsock model='virtio'><cid auto='no' address='7'/></vsock>",
                        "<vsock model='virtio'><cid auto='yes'/></vsock>"),
                device(
                        "vsock that has an address",
                        "<vsock model='virtio'><cid auto='yes' address='7'/></vsock>",
                        "<vsock model='virtio'><cid auto='yes'/></vsock>"));
    }
}
