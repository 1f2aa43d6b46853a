using System.Text;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger.Postgres;
using OrleansGateway.Tests.Shared;
using OrleansGateway.Web.Accounts;
using OrleansGateway.Web.Usage;
using Xunit;

namespace OrleansGateway.Tests.Browser.People;

/// <summary>Files that are made while they are read.</summary>
public sealed class ExportTests
{
    /// <summary>A spreadsheet takes numbers below 0 for numbers, and no text for a formula.</summary>
    [Fact]
    public async Task Csv_OfMovements_MarksTextsThatAreFormulasAndNoNumbers()
    {
        using var file = new MemoryStream();
        await UsageExport.LedgerCsvAsync(Rows(), file, TestContext.Current.CancellationToken);

        var row = Encoding.UTF8.GetString(file.ToArray()).Trim().Split('\n')[1].Trim();

        Assert.EndsWith(",charge,-0.50,1.00,'=1+1", row, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reader_WhoTakesNothing_IsGivenUp()
    {
        var time = new FakeTimeProvider();
        var stream = new PatientStream(new Stalled(), time, TestContext.Current.CancellationToken);

        var writing = stream.WriteAsync(new byte[10], TestContext.Current.CancellationToken).AsTask();
        time.Advance(PatientStream.Patience - TimeSpan.FromTicks(1));
        Assert.False(writing.IsCompleted);
        time.Advance(TimeSpan.FromTicks(1));

        await Assert.ThrowsAsync<TimeoutException>(() => writing);
    }

    [Theory]
    [InlineData("203.0.113.7", "203.0.113.7")]
    [InlineData("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")]
    [InlineData("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64")]
    public void Network_OfAnAddress_IsWhatOneCustomerHas(string address, string network) => Assert.Equal(network, ClientNetwork.Of(address));

    private static async IAsyncEnumerable<LedgerListing> Rows()
    {
        await Task.CompletedTask;
        yield return new LedgerListing { Seq = 1, At = DateTimeOffset.UnixEpoch, Kind = EntryKind.Charge, Amount = -500_000_000, Shortfall = 0, BalanceAfter = 1_000_000_000, Ref = "=1+1" };
    }

    private sealed class Stalled : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await Task.Delay(Timeout.Infinite, cancellationToken);
    }
}
