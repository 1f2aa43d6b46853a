using System.Collections.Immutable;
using Orleans;

namespace OrleansGateway.Grains.Contracts.Accounts;

/// <summary>
/// One customer's money, keys and limits, addressed by account id. Edges choose ids, so every message may be
/// repeated. Every answer carries the activation's epoch, every message the highest epoch its sender has seen of
/// this account: an activation that sees a higher one is stale, steps down and answers <c>Retry</c>.
/// </summary>
[Alias("og.IAccountGrain")]
public interface IAccountGrain : IGrainWithStringKey
{
    /// <summary>Holds the most that a request may cost, or refuses it. A repeat gets the same hold.</summary>
    [Alias("Admit")]
    Task<AdmitAnswer> AdmitAsync(AdmitRequest request);

    /// <summary>
    /// As many admissions at once. Each answer is that of <see cref="AdmitAsync"/>, in the requests' order; null where that has to wait:
    /// it is asked for alone, so that it does not hold up the others.
    /// </summary>
    [Alias("AdmitMany")]
    Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests);

    /// <summary>Says whether a key is in force and which models it may use. Takes nothing.</summary>
    [Alias("Look")]
    Task<KeyAnswer> FindKeyAsync(FindKeyRequest request);

    /// <summary>Raises a hold's total because the stream has used it up. A repeat changes nothing.</summary>
    [Alias("Extend")]
    Task<ExtendAnswer> ExtendAsync(ExtendRequest request);

    /// <summary>Starts the leases of an edge's holds afresh, reports their progress and presents what is unknown.</summary>
    [Alias("Renew")]
    Task<RenewAnswer> RenewAsync(RenewRequest request);

    /// <summary>Closes a hold with what the request did cost; answered once that is committed.</summary>
    [Alias("Settle")]
    Task<SettleAnswer> SettleAsync(SettleRequest request);

    /// <summary>As many settlements at once: all wait for the same commit. The answers are in the requests' order.</summary>
    [Alias("SettleMany")]
    Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests);

    /// <summary>Moves money that no request caused: credit, debit, adjustment. Durable, idempotent on kind and ref.</summary>
    [Alias("Move")]
    Task<MoveAnswer> MoveAsync(MoveRequest request);

    /// <summary>Makes the account; idempotent on its id.</summary>
    [Alias("Create")]
    Task<ChangeAnswer> CreateAsync(CreateRequest request);

    /// <summary>Creates or replaces a key's settings. What the key has spent stays.</summary>
    [Alias("SetKey")]
    Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request);

    /// <summary>Changes the account's status or its limits; running requests end as they would.</summary>
    [Alias("SetStatus")]
    Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request);

    /// <summary>The account as this activation holds it in memory.</summary>
    [Alias("Show")]
    Task<AccountView?> ShowAsync();
}
