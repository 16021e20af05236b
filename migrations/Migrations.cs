using CloudVm.Storage;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace CloudVm.Migrations;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0001_projects_and_access")]
internal sealed class ProjectsAndAccess : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0002_virtual_machines")]
internal sealed class VirtualMachines : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0003_operations")]
internal sealed class Operations : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0004_snapshots")]
internal sealed class Snapshots : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0005_events")]
internal sealed class Events : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0006_built_in_host_profiles")]
internal sealed class BuiltInHostProfiles : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0010_scheduler")]
internal sealed class Scheduler : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0011_disks")]
internal sealed class Disks : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0013_networks")]
internal sealed class Networks : SqlMigration;

[DbContext(typeof(CloudVmDbContext))]
[Migration("0014_debugger")]
internal sealed class Debugger : SqlMigration;
