using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]
