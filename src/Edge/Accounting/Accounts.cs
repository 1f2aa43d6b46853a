using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Edge.Accounting;

/// <summary>The accounts that were used lately.</summary>
internal sealed class Accounts(IGrains grains, GrainCalls calls)
{
    private readonly Recent<Account> _recent = new(calls.Options.AccountsMax);

    public Account Get(string id) =>
        _recent.GetOrAdd(id, (grains, calls), static (id, by) => new Account(id, by.grains.Account(id), by.calls, by.grains.AreRemote));
}
