using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge;

/// <summary>The relay's way to the grains: in this process, or in the silos of a cluster.</summary>
public interface IGrains
{
    /// <summary>Whether a call can be answered at the moment: where it cannot, nobody needs to wait for one.</summary>
    bool IsUp { get; }

    /// <summary>Whether all grains are in other processes: messages to one account then travel together.</summary>
    bool AreRemote { get; }

    /// <summary>The catalog.</summary>
    ICatalogGrain Catalog { get; }

    /// <summary>An account.</summary>
    /// <param name="accountId">Its id; an account that does not exist says so when it is called.</param>
    IAccountGrain Account(string accountId);
}
