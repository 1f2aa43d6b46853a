namespace OrleansGateway.Edge.Accounting;

/// <summary>
/// The accounts that were used lately, in two generations: when the younger one is full the older one is forgotten,
/// so that the bound costs no bookkeeping on use.
/// </summary>
internal sealed class Accounts(IGrains grains, GrainCalls calls)
{
    private readonly Lock _lock = new();
    private Dictionary<string, Account> _young = new(StringComparer.Ordinal);
    private Dictionary<string, Account> _old = new(StringComparer.Ordinal);

    public Account Get(string id)
    {
        lock (_lock)
        {
            if (_young.TryGetValue(id, out var account))
            {
                return account;
            }

            if (!_old.TryGetValue(id, out account))
            {
                account = new Account(id, grains.Account(id), calls, grains.AreRemote);
            }

            if (_young.Count == calls.Options.AccountsMax)
            {
                (_old, _young) = (_young, new(StringComparer.Ordinal));
            }

            _young.Add(id, account);
            return account;
        }
    }
}
