using OrleansGateway.Grains.Contracts;
using OrleansGateway.Tests.Integration.Gateway;
using OrleansGateway.Tests.Programs.Faults;
using OrleansGateway.Tests.Programs.Gateway;
using OrleansGateway.Tests.Programs.Postgres;
using Xunit;

namespace OrleansGateway.Tests.Integration.Faults;

/// <summary>More requests at once than an account's money covers.</summary>
[Collection(FaultsCollection.Name)]
public sealed class AdmissionRaceTests(PostgresServer server)
{
    [Fact]
    public async Task Admission_OfTenTimesWhatTheMoneyCovers_AdmitsExactlyThat()
    {
        await using var gateway = await GatewayFixture.StartAsync(server);
        var sent = await AdmissionRace.RunAsync(
            gateway.Provider, [gateway.Url], nanos => FaultPlan.CreateCustomerAsync(gateway.Operator, Money.FormatUsd(nanos)), FaultPlan.Rounds(12));

        gateway.Process.Signal(GatewayProcess.SigTerm);
        Assert.Equal(0, await gateway.Process.EndAsync());
        var books = await Books.AuditAsync(gateway.DataSource, sent, [], isAnyLost: false);
        Console.WriteLine($"n of 10 n: {books}");
        Assert.True(books.Problems.Count == 0, string.Join('\n', books.Problems));
        await gateway.VerifyAsync();
    }
}
