using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]

// Each test has the machine to itself: clusters are many processes.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
