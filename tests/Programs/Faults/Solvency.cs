using Npgsql;
using OrleansGateway.Operator.Contracts;
using OrleansGateway.Tests.Programs.Gateway;
using Xunit;

namespace OrleansGateway.Tests.Programs.Faults;

/// <summary>Once faults and load are over: who can pay is served, to the last of the money, and who cannot is refused.</summary>
internal static class Solvency
{
    private const long InputNanos = 150;
    private const long OutputNanos = 600;

    /// <summary>What is in the body beside the prompt; a byte is at most a token.</summary>
    private const int BodyBytesMax = 300;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Waits until no request runs and no quarantine is left, and asks for each poor customer.</summary>
    public static async Task CheckAsync(Load load, OperatorClient operatorApi, NpgsqlDataSource ledger, IReadOnlyList<Customer> customers)
    {
        // A hold whose answer came too late for its edge lives for a lease; until then its money stays set aside.
        await Load.UntilAsync(async _ => await FaultPlan.OpenHoldsAsync(operatorApi, customers) == 0, "the holds to be closed or let go");
        await Load.UntilAsync(async _ => await QuarantinedAsync(ledger) == 0, "the quarantines to end");
        foreach (var customer in customers.Where(static customer => !customer.IsRich))
        {
            await operatorApi.Accounts.MoveMoneyAsync(
                new MoveMoneyRequest
                {
                    RequestId = OperatorClient.NewRequestId(), AccountId = customer.Account, Kind = EntryKind.Topup, Ref = "solvency", AmountNanos = 500_000,
                },
                cancellationToken: Cancellation);
            var account = await operatorApi.GetAccountAsync(customer.Account);
            Assert.Equal((account.BalanceNanos, 0), (account.AvailableNanos, account.HeldNanos));

            var covered = (int)((account.BalanceNanos - (BodyBytesMax * InputNanos)) / OutputNanos);
            var tooMuch = await load.SendAsync(load.Targets[0], customer, Plan((int)(account.BalanceNanos / OutputNanos) + 1));
            Assert.True(tooMuch is { Fate: Fate.Refused, ErrorCode: "insufficient_quota" }, $"{tooMuch}, for more than its {account.BalanceNanos} nanos");
            var enough = await load.SendAsync(load.Targets[0], customer, Plan(covered));
            Assert.True(enough.Fate == Fate.Completed, $"{enough}: {enough.ErrorMessage}, though its {account.BalanceNanos} nanos cover it");
        }
    }

    private static ChatPlan Plan(int tokensMax) => new(IsStream: false, Tokens: 3, TokenRate: 0) { TokensMax = tokensMax };

    private static async Task<long> QuarantinedAsync(NpgsqlDataSource ledger)
    {
        await using var command = ledger.CreateCommand("SELECT count(*) FROM account WHERE quarantined > 0");
        return (long)(await command.ExecuteScalarAsync(Cancellation))!;
    }
}
