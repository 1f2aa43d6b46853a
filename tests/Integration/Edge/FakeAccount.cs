using System.Collections.Concurrent;
using System.Collections.Immutable;
using OrleansGateway.Edge;
using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Tests.Integration.Edge;

/// <summary>An account that admits everything unless a test says otherwise, and remembers what it was told.</summary>
internal sealed class FakeAccount : IAccountGrain, IGrains
{
    public ConcurrentQueue<AdmitRequest> Admitted { get; } = new();

    public ConcurrentQueue<ExtendRequest> Extended { get; } = new();

    public ConcurrentQueue<SettleRequest> Settled { get; } = new();

    public ConcurrentQueue<MoveRequest> Moved { get; } = new();

    public Func<AdmitRequest, Task<AdmitAnswer>> OnAdmit { get; set; } = request => Task.FromResult(Admit(request));

    public Func<ExtendRequest, Task<ExtendAnswer>> OnExtend { get; set; } =
        request => Task.FromResult(new ExtendAnswer(ExtendOutcome.Extended, 1, request.NewTotalNanos));

    public Func<RenewItem, RenewedHold> OnRenew { get; set; } = item => new RenewedHold(item.Ticket.HoldId, RenewOutcome.Held, item.Ticket.TotalNanos);

    public Func<SettleRequest, Task<SettleAnswer>> OnSettle { get; set; } =
        request => Task.FromResult(new SettleAnswer(SettleOutcome.Committed, 1, request.CostNanos, 0));

    public static AdmitAnswer Admit(AdmitRequest request, bool most = true) => new()
    {
        Outcome = AdmitOutcome.Admitted,
        Epoch = 1,
        TotalNanos = most ? request.MostNanos : request.LeastNanos,
    };

    public bool IsUp => true;

    public bool AreRemote => false;

    public ICatalogGrain Catalog => throw new NotSupportedException();

    public IAccountGrain Account(string accountId) => this;

    public async Task<AdmitAnswer> AdmitAsync(AdmitRequest request)
    {
        var answer = await OnAdmit(request);
        if (answer.IsAdmitted)
        {
            Admitted.Enqueue(request);
        }

        return answer;
    }

    public Func<FindKeyRequest, KeyAnswer> OnFindKey { get; set; } = _ => new KeyAnswer { Outcome = AdmitOutcome.Admitted, Epoch = 1 };

    public Task<KeyAnswer> FindKeyAsync(FindKeyRequest request) => Task.FromResult(OnFindKey(request));

    public Task<ExtendAnswer> ExtendAsync(ExtendRequest request)
    {
        Extended.Enqueue(request);
        return OnExtend(request);
    }

    public Task<RenewAnswer> RenewAsync(RenewRequest request) =>
        Task.FromResult(new RenewAnswer(1, [.. request.Items.Select(OnRenew)]));

    public async Task<SettleAnswer> SettleAsync(SettleRequest request)
    {
        var answer = await OnSettle(request);
        if (answer.Outcome == SettleOutcome.Committed)
        {
            Settled.Enqueue(request);
        }

        return answer;
    }

    public Task<MoveAnswer> MoveAsync(MoveRequest request)
    {
        Moved.Enqueue(request);
        return Task.FromResult(new MoveAnswer(MoveOutcome.Moved, 1, 0, 0, false));
    }

    public Task<ImmutableArray<AdmitAnswer?>> AdmitManyAsync(ImmutableArray<AdmitRequest> requests) => throw new NotSupportedException();

    public Task<ImmutableArray<SettleAnswer>> SettleManyAsync(ImmutableArray<SettleRequest> requests) => throw new NotSupportedException();

    public Task<ChangeAnswer> CreateAsync(CreateRequest request) => throw new NotSupportedException();

    public Task<ChangeAnswer> SetKeyAsync(SetKeyRequest request) => throw new NotSupportedException();

    public Task<ChangeAnswer> SetStatusAsync(SetStatusRequest request) => throw new NotSupportedException();

    public Task<AccountView?> ShowAsync() => throw new NotSupportedException();
}
