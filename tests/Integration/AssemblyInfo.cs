using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]

// More than there are cores: most tests wait for a gateway, a database or a client of their own.
[assembly: CollectionBehavior(MaxParallelThreads = 3)]
