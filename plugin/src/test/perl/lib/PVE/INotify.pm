package PVE::INotify;

# Stands in for Proxmox VE's module of this name.

use strict;
use warnings;

sub nodename { return 'pve1'; }

1;
