using CloudVm.Testing;

[assembly: AssemblyFixture(typeof(PostgresFixture))]
