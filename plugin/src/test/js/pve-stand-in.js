// SPDX-License-Identifier: AGPL-3.0-or-later
// Stands in for those parts of Proxmox VE's web interface that flatsnap-proxmox.js meets, on real ExtJS: the same names,
// the same ways of being called, hardly more. What the page is to lack, and what the user may do, stands in its address.
const address = new URLSearchParams(location.search);
const lacking = (address.get('lacking') || '').split(',');
const gettext = (message) => message;

var Proxmox = {
    NodeName: address.get('node') || 'pve1',
    Utils: {
        task_desc_table: { qmrollback: ['VM', 'Rollback'], qmsnapshot: ['VM', 'Snapshot'], qmclone: ['VM', 'Clone'] },
        override_task_descriptions(more) {
            Object.assign(this.task_desc_table, more);
        },
        format_size(bytes) {
            const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
            let unit = 0;
            while (bytes >= 1024 && unit < units.length - 1) {
                bytes /= 1024;
                unit += 1;
            }
            return `${bytes.toFixed(unit && 2)} ${units[unit]}`;
        },
        format_duration_human: (seconds) => `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`,
        setErrorMask(component, message) {
            if (!component.el) {
                return;
            }
            if (message) {
                component.el.mask(message === true ? 'Loading...' : message);
            } else {
                component.el.unmask();
            }
        },
        downloadAsFile(source, fileName) {
            window.downloaded = { source, fileName };
        },
        assemble_field_data(values, data) {
            Ext.Object.each(data || {}, (name, value) => {
                values[name] = value;
            });
        },
        API2Request(given) {
            const options = Ext.apply({}, given);
            delete options.callback;
            options.url = options.url.startsWith('/api2') ? options.url : '/api2/extjs' + options.url;
            const done = (response, succeeded) => {
                if (given.waitMsgTarget) {
                    given.waitMsgTarget.setLoading(false);
                }
                Ext.callback(given.callback, given.scope, [options, succeeded, response]);
                Ext.callback(succeeded ? given.success : given.failure, given.scope, [response, options]);
            };
            options.success = (response) => {
                response.result = Ext.decode(response.responseText);
                if (!response.result.success) {
                    response.htmlStatus = Ext.htmlEncode(response.result.message);
                }
                done(response, !!response.result.success);
            };
            options.failure = (response) => {
                response.result = {};
                response.htmlStatus = Ext.htmlEncode(`Connection error ${response.status}: ${response.statusText}`);
                done(response, false);
            };
            if (given.waitMsgTarget) {
                given.waitMsgTarget.setLoading('Please wait...');
            }
            Ext.Ajax.request(options);
        },
    },
};
var PVE = { Utils: { storageSchema: { dir: { name: 'Directory', ipanel: 'DirInputPanel', faIcon: 'folder' } } } };

function defineClasses() {
    const define = (name, body) => lacking.includes(name) || Ext.define(name, body);

    define('Proxmox.window.TaskProgress', {
        extend: 'Ext.window.Window',
        width: 300,
        modal: true,
        bodyPadding: 5,
        taskDone: Ext.emptyFn,
        initComponent() {
            const me = this;
            const [, node, , , , type, id] = me.upid.split(':');
            const [prefix, action] = Proxmox.Utils.task_desc_table[type] || ['', type];
            const bar = Ext.create('Ext.ProgressBar', { text: 'running...' });
            Ext.apply(me, { title: Ext.htmlEncode(`Task: ${prefix} ${id} - ${action}`), items: [bar] });
            me.callParent();
            const poll = () =>
                me.destroyed ||
                Proxmox.Utils.API2Request({
                    url: `/nodes/${node}/tasks/${encodeURIComponent(me.upid)}/status`,
                    success(response) {
                        const task = response.result.data;
                        if (task.status !== 'stopped') {
                            Ext.defer(poll, 200);
                            return;
                        }
                        // As it is with the real one, which may tell it more than once.
                        me.taskDone(task.exitstatus === 'OK');
                        me.taskDone(task.exitstatus === 'OK');
                        if (task.exitstatus !== 'OK') {
                            me.close();
                            Ext.Msg.alert('Task failed', Ext.htmlEncode(task.exitstatus));
                        } else {
                            bar.updateText('Done!');
                            Ext.defer(() => me.destroyed || me.close(), 300);
                        }
                    },
                });
            poll();
        },
    });

    Ext.define('Proxmox.form.Checkbox', {
        extend: 'Ext.form.field.Checkbox',
        xtype: 'proxmoxcheckbox',
        inputValue: 1,
    });

    Ext.define('Proxmox.form.KVComboBox', {
        extend: 'Ext.form.field.ComboBox',
        xtype: 'proxmoxKVComboBox',
        queryMode: 'local',
        editable: false,
        valueField: 'key',
        displayField: 'value',
        initComponent() {
            this.store = Ext.create('Ext.data.ArrayStore', { fields: ['key', 'value'], data: this.comboItems });
            this.callParent();
        },
    });

    Ext.define('PVE.form.ContentTypeSelector', {
        extend: 'Proxmox.form.KVComboBox',
        xtype: 'pveContentTypeSelector',
        initComponent() {
            const names = { images: 'Disk image', rootdir: 'Container' };
            this.comboItems = this.cts.map((type) => [type, names[type]]);
            this.callParent();
        },
    });

    Ext.define('PVE.form.NodeSelector', {
        extend: 'Proxmox.form.KVComboBox',
        xtype: 'pveNodeSelector',
        comboItems: [
            ['pve1', 'pve1'],
            ['pve2', 'pve2'],
        ],
    });

    Ext.form.field.VTypes.StorageId = (value) => /^[a-z][a-z0-9\-_.]*[a-z0-9]$/i.test(value);
    Ext.form.field.VTypes.StorageIdText = 'ID';

    Ext.define('Proxmox.panel.InputPanel', {
        extend: 'Ext.panel.Panel',
        xtype: 'inputpanel',
        border: false,
        onGetValues: Ext.identityFn,
        onSetValues: Ext.identityFn,
        getValues() {
            const values = {};
            this.query('[isFormField]').forEach((field) =>
                Proxmox.Utils.assemble_field_data(values, field.getSubmitData()),
            );
            return this.onGetValues(values);
        },
        setValues(values) {
            Ext.iterate(this.onSetValues(values), (name, value) =>
                this.query(`[isFormField][name=${name}]`).forEach((field) => field.setValue(value)),
            );
        },
        initComponent() {
            const column = (items, padding) => ({ flex: 1, border: false, layout: 'anchor', padding, items });
            this.items = [
                {
                    layout: 'hbox',
                    border: false,
                    items: [column(this.column1, '0 10 0 0'), column(this.column2, '0 0 0 10')],
                },
            ];
            this.callParent();
        },
    });

    define('PVE.panel.StorageBase', {
        extend: 'Proxmox.panel.InputPanel',
        onGetValues(values) {
            if (this.isCreate) {
                values.type = this.type;
            } else {
                delete values.storage;
            }
            values.disable = values.enable ? 0 : 1;
            delete values.enable;
            return values;
        },
        initComponent() {
            this.column1.unshift({
                xtype: this.isCreate ? 'textfield' : 'displayfield',
                name: 'storage',
                value: this.storageId || '',
                fieldLabel: 'ID',
                vtype: 'StorageId',
                allowBlank: false,
            });
            this.column2 = this.column2 || [];
            this.column2.unshift(
                { xtype: 'pveNodeSelector', name: 'nodes', fieldLabel: 'Nodes', multiSelect: true, emptyText: 'All' },
                { xtype: 'proxmoxcheckbox', name: 'enable', checked: true, uncheckedValue: 0, fieldLabel: 'Enable' },
            );
            this.callParent();
        },
    });

    Ext.define('PVE.storage.BaseEdit', {
        extend: 'Ext.window.Window',
        modal: true,
        width: 600,
        initComponent() {
            const me = this;
            me.isCreate = !me.storageId;
            me.ipanel = Ext.create(me.paneltype, {
                title: 'General',
                type: me.type,
                isCreate: me.isCreate,
                storageId: me.storageId,
            });
            const form = Ext.create('Ext.form.Panel', {
                border: false,
                fieldDefaults: { labelWidth: 100, anchor: '100%' },
                items: [{ xtype: 'tabpanel', bodyPadding: 10, items: [me.ipanel] }],
            });
            Ext.apply(me, {
                title: `${me.isCreate ? 'Add' : 'Edit'}: ${PVE.Utils.storageSchema[me.type].name}`,
                items: [form],
                buttons: [
                    {
                        text: me.isCreate ? 'Add' : 'OK',
                        itemId: 'submit',
                        handler: () =>
                            form.isValid() &&
                            Proxmox.Utils.API2Request({
                                url: me.isCreate ? '/storage' : '/storage/' + me.storageId,
                                method: me.isCreate ? 'POST' : 'PUT',
                                params: me.ipanel.getValues(),
                                failure: (response) => Ext.Msg.alert('Error', response.htmlStatus),
                                success: () => me.close(),
                            }),
                    },
                ],
            });
            me.callParent();
            if (!me.isCreate) {
                Proxmox.Utils.API2Request({
                    url: '/storage/' + me.storageId,
                    success(response) {
                        const values = response.result.data;
                        values.content = values.content.split(',');
                        values.enable = values.disable ? 0 : 1;
                        me.ipanel.setValues(values);
                    },
                });
            }
        },
    });

    define('PVE.panel.Config', {
        extend: 'Ext.panel.Panel',
        layout: 'card',
        initComponent() {
            const me = this;
            me.savedItems = {};
            const children = me.items.map((item) => {
                me.savedItems[item.itemId] = Ext.apply(item, { header: false, pveSelNode: me.pveSelNode, border: 0 });
                return { id: item.itemId, text: item.title, iconCls: item.iconCls, leaf: true };
            });
            const first = me.items[0].itemId;
            delete me.items;
            me.dockedItems = [
                {
                    xtype: 'toolbar',
                    dock: 'left',
                    width: 170,
                    vertical: true,
                    items: [
                        {
                            xtype: 'treelist',
                            itemId: 'menu',
                            store: { root: { expanded: true, children } },
                            listeners: {
                                selectionchange: (list, node) => node && me.activateCard(node.id),
                            },
                        },
                    ],
                },
            ];
            me.callParent();
            me.activateCard(first);
        },
        activateCard(id) {
            const before = this.getLayout().getActiveItem();
            const card = this.add(this.savedItems[id]);
            if (before) {
                this.setActiveItem(card);
                this.remove(before, true);
            }
        },
    });

    [
        ['PVE.qemu.Config', 'qemu'],
        ['PVE.lxc.Config', 'lxc'],
    ].forEach(([name]) =>
        define(name, {
            extend: 'PVE.panel.Config',
            initComponent() {
                Ext.apply(this, {
                    items: [{ title: 'Summary', xtype: 'panel', itemId: 'summary', html: 'Summary', iconCls: 'fa fa-book' }],
                });
                this.items.push(
                    { title: 'Snapshots', xtype: 'panel', itemId: 'snapshot', iconCls: 'fa fa-history' },
                    { title: 'Permissions', xtype: 'panel', itemId: 'permissions', iconCls: 'fa fa-unlock' },
                );
                this.callParent();
            },
        }),
    );

    PVE.data = {
        ResourceStore: Ext.create('Ext.data.Store', {
            fields: ['id', 'type', 'plugintype'],
            data: address.has('none') ? [] : [{ id: 'storage/pve1/flat', type: 'storage', plugintype: 'flatsnap' }],
        }),
    };
    const may = (address.get('caps') || 'VM.Audit,VM.Snapshot,VM.Snapshot.Rollback,VM.PowerMgmt,VM.Clone,VM.Backup').split(',');
    Ext.state.Manager.set('GuiCap', { vms: Object.fromEntries(may.map((cap) => [cap, 1])) });
}

function showGuest(type, vmid, name) {
    window.guest = Ext.create(`PVE.${type}.Config`, {
        pveSelNode: { data: { node: 'pve1', vmid, name, type, text: name } },
    });
    window.workspace.removeAll();
    window.workspace.add(window.guest);
}

function showStorage(id) {
    return Ext.create('PVE.storage.BaseEdit', {
        paneltype: 'PVE.storage.' + PVE.Utils.storageSchema.flatsnap.ipanel,
        type: 'flatsnap',
        storageId: id,
        autoShow: true,
    });
}
