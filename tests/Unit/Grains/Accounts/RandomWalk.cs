using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Ledger;
using OrleansGateway.Tests.Shared.Ledger;
using Xunit;

namespace OrleansGateway.Tests.Unit.Grains.Accounts;

/// <summary>
/// Pretend edges send one account what edges send, and repeats of it, to one or more silos, while the database delays,
/// loses and forgets by the seed. After every step the rules of the rows are checked, and what edges were told; at the end,
/// once faults are over, that everything comes to rest.
/// </summary>
internal sealed class RandomWalk : IDisposable
{
    private const int HealSecondsMax = 120;

    private readonly Random _random;
    private readonly AccountWorld _world;
    private readonly List<Silo> _silos;
    private readonly List<WalkedRequest> _requests = [];
    private readonly Dictionary<string, (long Amount, List<Call<MoveAnswer>> Calls)> _orders = new(StringComparer.Ordinal);
    private readonly List<(Call<RenewAnswer> Call, List<WalkedRequest> Of)> _renewals = [];
    private readonly bool _isCalm;
    private readonly double _faultRate;
    private readonly double _delayRate;
    private readonly bool _hasTwins;
    private Silo _current;
    private TimeSpan _renewedAt;
    private long _epochSeen;
    private long _checkedVersion;

    public RandomWalk(int seed)
    {
        _random = new Random(seed);
        _world = new AccountWorld(seed);
        _current = _world.Silo;
        _silos = [_current];
        _isCalm = seed % 4 == 0;
        _faultRate = _isCalm ? 0 : _random.NextDouble() * 0.1;
        _delayRate = _random.NextDouble();
        _hasTwins = !_isCalm && _random.Next(2) == 0;
    }

    private bool IsDone =>
        !_requests.Exists(static r => r.HasCallsOut || r.IsRunning || r.IsSettling)
        && _renewals.TrueForAll(static r => r.Call.IsOver)
        && _orders.Values.All(static o => o.Calls.TrueForAll(static c => c.IsOver));

    private TimeSpan Now => TimeSpan.FromTicks(_world.Clock.GetTimestamp());

    public void Run(int steps)
    {
        _world.Run(() => _current.Grain.CreateAsync(new CreateRequest("Walk", RateLimits.None)));
        _world.Run(() => _current.Grain.SetKeyAsync(new SetKeyRequest(0, AccountWorld.Key)));
        _world.Run(() => _current.Grain.MoveAsync(new MoveRequest(0, EntryKind.Topup, "first", _random.Next(0, 20_000))));
        _world.Ledger.Before = _world.Ledger.After = _ => Delay();
        _world.Ledger.Fault = _ => _random.NextDouble() < _faultRate ? (LedgerFault)_random.Next(1, 4) : LedgerFault.None;
        for (var i = 0; i < steps; i++)
        {
            Step();
            Listen();
            Check();
        }

        Heal();
        Rest();
    }

    public void Dispose() => _world.Dispose();

    private Task Delay() =>
        _random.NextDouble() < _delayRate ? Task.Delay(TimeSpan.FromMilliseconds(_random.Next(1, _isCalm ? 100 : 3000)), _world.Clock) : Task.CompletedTask;

    private void Step()
    {
        if (Now - _renewedAt > TimeSpan.FromSeconds(4))
        {
            Renew();
        }

        switch (_random.Next(100))
        {
            case < 25:
                Admit();
                break;
            case < 40:
                Grow();
                break;
            case < 55:
                Settle();
                break;
            case < 60:
                Repeat();
                break;
            case < 63:
                Order();
                break;
            case < 64 when !_isCalm:
                _world.Pass(_random.Next(1, 30));
                break;
            case < 66 when !_isCalm:
                _world.Ledger.IsAway = !_world.Ledger.IsAway;
                break;
            case < 67 when _hasTwins:
                AddSilo();
                break;
            case < 68 when !_isCalm:
                Die();
                break;
            case < 69 when _world.Ledger.LateCount > 0:
                _world.Ledger.RunLate();
                break;
            default:
                _world.Pass(TimeSpan.FromMilliseconds(_random.Next(1, 800)));
                break;
        }
    }

    /// <summary>The silo that a message goes to: mostly where the directory points.</summary>
    private IAccountGrain Target() => (_random.Next(10) == 0 ? Any(_silos) : _current).Grain;

    private T Any<T>(List<T> list) => list[_random.Next(list.Count)];

    private WalkedRequest? Any(Func<WalkedRequest, bool> which)
    {
        var found = _requests.Where(which).ToList();
        return found.Count == 0 ? null : Any(found);
    }

    private void Admit()
    {
        var most = _random.Next(0, 2000);
        var request = new WalkedRequest
        {
            Hold = $"h{_requests.Count}",
            Admission = AccountWorld.Request($"h{_requests.Count}", most, _random.Next(2) == 0 ? most : most / 4, epoch: _epochSeen),
            StartedAt = Now,
        };
        _requests.Add(request);
        Send(request);
    }

    private void Send(WalkedRequest request)
    {
        var target = Target();
        request.Admits.Add(_world.Start(() => target.AdmitAsync(request.Admission)));
    }

    private void Grow()
    {
        if (Any(static r => r.IsRunning) is not { } request)
        {
            return;
        }

        request.Progress += _random.NextInt64(0, Math.Max(1, request.Total - request.Progress) + 1);
        if (request.Progress >= request.Total && !request.HasCallsOut)
        {
            var (target, ticket, more) = (Target(), TicketOf(request), request.Total + _random.Next(1, 500));
            request.Extends.Add(_world.Start(() => target.ExtendAsync(new ExtendRequest(_epochSeen, ticket, more))));
        }

        request.Progress = Math.Min(request.Progress, request.Total);
    }

    private void Renew()
    {
        _renewedAt = Now;
        var running = _requests.Where(static r => r.IsRunning).ToList();
        if (running.Count == 0)
        {
            return;
        }

        foreach (var request in running)
        {
            request.Reported = Math.Max(request.Reported, request.Progress);
        }

        var items = running.Select(r => new RenewItem(TicketOf(r), r.Progress, default)).ToList();
        var (target, epoch) = (Target(), _epochSeen);
        _renewals.Add((_world.Start(() => target.RenewAsync(new RenewRequest(epoch, [.. items]))), running));
    }

    private void Settle()
    {
        if (Any(static r => r.IsRunning && !r.HasCallsOut) is { } request)
        {
            request.Cost = _random.Next(20) == 0 && !_isCalm ? request.Total + _random.Next(3000) : request.Progress;
            SendSettle(request);
        }
    }

    private void SendSettle(WalkedRequest request)
    {
        request.SettledAt = Now;
        var (target, settlement) = (Target(), AccountWorld.Settlement(request.Hold, request.Total, request.Cost, _epochSeen));
        request.Settles.Add(_world.Start(() => target.SettleAsync(settlement)));
    }

    /// <summary>Messages come twice, and late: also those of requests that are over.</summary>
    private void Repeat()
    {
        if (_requests.Count == 0)
        {
            return;
        }

        var request = Any(_requests);
        if (request.Cost >= 0 && _random.Next(2) == 0)
        {
            SendSettle(request);
        }
        else
        {
            Send(request);
        }
    }

    private void Order()
    {
        var reference = $"o{_random.Next(20)}";
        if (!_orders.TryGetValue(reference, out var order))
        {
            order = (_random.Next(5) == 0 ? -_random.Next(1, 500) : _random.Next(1, 5000), []);
            _orders.Add(reference, order);
        }

        var (target, move) = (Target(), new MoveRequest(_epochSeen, EntryKind.Adjustment, reference, order.Amount));
        order.Calls.Add(_world.Start(() => target.MoveAsync(move)));
    }

    private void AddSilo()
    {
        _current = _world.AddSilo("p1");
        _silos.Add(_current);
    }

    /// <summary>An edge dies with some of its requests.</summary>
    private void Die()
    {
        foreach (var request in _requests.Where(r => r.End is null && _random.Next(3) == 0))
        {
            request.IsAbandoned = true;
        }
    }

    private static Ticket TicketOf(WalkedRequest request) => AccountWorld.Ticket(request.Hold, request.Total);

    /// <summary>Hears every answer that has come.</summary>
    private void Listen()
    {
        foreach (var request in _requests)
        {
            HearAdmits(request);
            foreach (var call in request.Extends.Where(static c => c.IsAnswered))
            {
                Saw(call.Answer.Epoch);
                request.Total = Math.Max(request.Total, call.Answer.Outcome == ExtendOutcome.Extended ? call.Answer.TotalNanos : 0);
            }

            HearSettles(request);
            request.Extends.RemoveAll(static c => c.IsOver);
        }

        foreach (var (call, _) in _renewals.Where(static r => r.Call.IsAnswered))
        {
            Saw(call.Answer.Epoch);
            if (_isCalm)
            {
                Assert.DoesNotContain(call.Answer.Holds, static h => h.Outcome == RenewOutcome.Closed);
            }
        }

        _renewals.RemoveAll(static r => r.Call.IsOver);
    }

    private void HearAdmits(WalkedRequest request)
    {
        foreach (var answer in request.Admits.Where(static c => c.IsAnswered).Select(static c => c.Answer))
        {
            Saw(answer.Epoch);
            if (answer.Outcome == AdmitOutcome.InsufficientFunds)
            {
                Assert.True(answer.AvailableNanos < request.Admission.LeastNanos, "refused for want of money that is there");
            }

            if (request.IsAdmitted || request.IsAbandoned)
            {
                continue;
            }

            request.IsAdmitted = answer.IsAdmitted;
            request.Total = answer.TotalNanos;
            request.IsAbandoned = !answer.IsAdmitted && answer.Outcome != AdmitOutcome.Retry;
        }

        request.Admits.RemoveAll(static c => c.IsOver);
        if (!request.IsAdmitted && !request.IsAbandoned && Now - request.StartedAt > TimeSpan.FromSeconds(6))
        {
            request.IsAbandoned = true;
        }
        else if (!request.IsAdmitted && !request.IsAbandoned && request.Admits.Count == 0)
        {
            Send(request);
        }
    }

    private void HearSettles(WalkedRequest request)
    {
        foreach (var answer in request.Settles.Where(static c => c.IsAnswered).Select(static c => c.Answer))
        {
            Saw(answer.Epoch);
            if (answer.Outcome != SettleOutcome.Retry)
            {
                request.End ??= answer.Outcome;
                Assert.Equal(request.End, answer.Outcome);
                CheckRow(request, answer);
            }
        }

        request.Settles.RemoveAll(static c => c.IsOver);
        if (request.IsSettling && Now - request.SettledAt > TimeSpan.FromSeconds(2))
        {
            SendSettle(request);
        }
    }

    private void Saw(long epoch) => _epochSeen = Math.Max(_epochSeen, epoch);

    /// <summary>What an edge was told stands in the ledger by then.</summary>
    private void CheckRow(WalkedRequest request, SettleAnswer answer)
    {
        var row = _world.Charge(request.Hold);
        Assert.NotNull(row);
        Assert.Equal((-row.Amount, row.Shortfall), (answer.ChargedNanos, answer.ShortfallNanos));
        if (answer.Outcome == SettleOutcome.Committed)
        {
            Assert.Equal((ClosedBy.Settlement, request.Cost), (row.ClosedBy, row.Shortfall - row.Amount));
        }
        else
        {
            Assert.Equal((ClosedBy.Lease, 0L), (row.ClosedBy, row.Shortfall));
        }

        if (_isCalm)
        {
            Assert.Equal((SettleOutcome.Committed, 0L), (answer.Outcome, row.Shortfall));
        }
    }

    private void Check()
    {
        Assert.Empty(_world.Alarms.Messages);
        if (_world.Row.Version == _checkedVersion)
        {
            return;
        }

        _checkedVersion = _world.Row.Version;
        _world.Rows.Verify();
        foreach (var row in _world.Rows.Entries.Where(static e => e.ClosedBy == ClosedBy.Lease))
        {
            Assert.InRange(-row.Amount, 0, _requests.Single(r => r.Hold == row.Ref).Reported);
        }
    }

    /// <summary>Faults are over; every call is answered, and edges end what they run.</summary>
    private void Heal()
    {
        _world.Ledger.IsAway = false;
        _world.Ledger.Fault = static _ => LedgerFault.None;
        while (_world.Ledger.LateCount > 0)
        {
            _world.Ledger.RunLate();
        }

        for (var i = 0; i < HealSecondsMax && !IsDone; i++)
        {
            while (Any(static r => r.IsRunning && !r.HasCallsOut) is { } request)
            {
                request.Cost = request.Progress;
                SendSettle(request);
            }

            _world.Pass(1);
            Listen();
            Check();
        }

        Assert.True(IsDone, "somebody waits for ever");
    }

    private void Rest()
    {
        _world.Pass(60);
        _world.Ledger.Before = _world.Ledger.After = static _ => Task.CompletedTask;
        foreach (var (reference, (amount, calls)) in _orders)
        {
            var isMoved = calls.Exists(static c => c.IsAnswered && c.Answer.Outcome == MoveOutcome.Moved);
            var row = _world.Rows.Find(new EntryRef(EntryKind.Adjustment, reference));
            Assert.True(row is null ? !isMoved : row.Amount == amount);
        }

        foreach (var row in _world.Rows.Entries.Where(static e => e.ClosedBy == ClosedBy.Settlement))
        {
            Assert.True(_requests.Single(r => r.Hold == row.Ref).Cost >= 0, "a charge that nobody settled");
        }

        // Whatever the silos are, the next activation finds all of the money, once its quarantine is over.
        var last = _world.AddSilo("p1");
        _world.Run(() => last.Grain.ShowAsync());
        _world.Pass(30);
        var view = _world.Run(() => last.Grain.ShowAsync())!;
        Assert.Equal((0L, 0, 0L, view.BalanceNanos), (view.HeldNanos, view.OpenHolds, view.QuarantinedNanos, view.AvailableNanos));
        Assert.All(view.Keys, static k => Assert.Equal(0, k.HeldNanos));
        Assert.True(_world.Run(() => last.Grain.AdmitAsync(AccountWorld.Request("last", view.BalanceNanos))).IsAdmitted);
        _world.Run(() => last.Grain.SettleAsync(AccountWorld.Settlement("last", view.BalanceNanos, 0)));
        last.Stop();
        Assert.Equal((0L, 0L), (_world.Row.Reserved, _world.Row.Quarantined));
        Check();
    }
}
