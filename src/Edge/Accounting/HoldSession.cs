using OrleansGateway.Grains.Contracts.Accounts;
using OrleansGateway.Grains.Contracts.Pricing;

namespace OrleansGateway.Edge.Accounting;

/// <summary>What a stream may do after it reported how far it has come.</summary>
internal enum HoldState
{
    /// <summary>What is held is enough: go on.</summary>
    Covered,
    /// <summary>The cover has passed what is held, and more was asked for: <see cref="HoldSession.GrownAsync"/> says when to look again.</summary>
    Growing,
    /// <summary>No more can be held: end the response as at its length limit.</summary>
    Exhausted,
    /// <summary>The hold was closed by its lease: cut the response.</summary>
    Lost,
}

/// <summary>Is told that a hold was closed under a running request, which must be cut. Called once at most, from any thread.</summary>
internal interface IHoldOwner
{
    void HoldLost();
}

/// <summary>
/// One admitted request's hold. The relay reports its cost and settles it; <see cref="Renewals"/> keeps it alive in between.
/// </summary>
internal sealed class HoldSession
{
    private readonly Lock _lock = new();
    private readonly AdmitRequest _admitted;
    private readonly GrainCalls _calls;
    private readonly Renewals _renewals;
    private readonly IHoldOwner _owner;
    private readonly long _startedAt;
    private readonly long _stepNanos;
    private string _channel = "";
    private string _priceId;
    private int _extraAttempts;
    private long _totalNanos;
    private long _coverNanos;
    private long _progressNanos;
    private Usage _usage;
    private Price? _price;
    private bool _isRefused;
    private bool _isLost;
    private bool _isSettling;
    private bool _isDecided;
    private Task _growth = Task.CompletedTask;

    /// <param name="startedAt">The clock's timestamp when the admission was first asked for.</param>
    /// <param name="totalNanos">What is held at first.</param>
    public HoldSession(
        Account account, AdmitRequest admitted, long totalNanos, long startedAt, IHoldOwner owner, GrainCalls calls, Renewals renewals)
    {
        Account = account;
        _admitted = admitted;
        _priceId = admitted.PriceId;
        _totalNanos = totalNanos;
        _startedAt = startedAt;
        _owner = owner;
        _calls = calls;
        _renewals = renewals;

        // Growth is asked for when half of the first slice of output is left, so that the stream rarely waits for it.
        _stepNanos = Math.Max(1, Math.Min(admitted.LeastNanos, admitted.MostNanos - admitted.LeastNanos) / 2);
    }

    public Account Account { get; }

    public string HoldId => _admitted.HoldId;

    /// <summary>The request's full bound, nanos.</summary>
    public long MostNanos => _admitted.MostNanos;

    /// <summary>What is held now, nanos.</summary>
    public long TotalNanos
    {
        get
        {
            lock (_lock)
            {
                return _totalNanos;
            }
        }
    }

    /// <summary>When the next renewal is due, ms after the admission; only <see cref="Renewals"/> uses it, under its lock.</summary>
    public long RenewAtMs { get; set; }

    /// <summary>This hold among those that <see cref="Renewals"/> keeps, under its lock.</summary>
    public LinkedListNode<HoldSession>? Node { get; set; }

    public long AgeMs => _calls.ElapsedMs(_startedAt);

    /// <summary>Says which channel serves the request.</summary>
    /// <param name="extraAttempts">How many attempts before may have generated something too.</param>
    public void ServedBy(string channel, int extraAttempts)
    {
        lock (_lock)
        {
            _channel = channel;
            _extraAttempts = extraAttempts;
        }
    }

    /// <summary>Says by which price it is settled.</summary>
    public void ChargedBy(string priceId)
    {
        lock (_lock)
        {
            _priceId = priceId;
        }
    }

    /// <summary>Reports how far the request has come and asks for more where what is held runs short.</summary>
    /// <param name="coverNanos">The most that it can cost if it ended now: what has to be held.</param>
    /// <param name="price">What it is charged by.</param>
    /// <param name="usage">What it has used so far, by what came: charged if its edge dies.</param>
    public HoldState Report(long coverNanos, Price price, in Usage usage)
    {
        lock (_lock)
        {
            _coverNanos = Math.Max(_coverNanos, coverNanos);
            (_price, _usage) = (price, usage);
            if (_isLost)
            {
                return HoldState.Lost;
            }

            var mayGrow = _totalNanos < MostNanos && !_isRefused;
            if (mayGrow && _growth.IsCompleted && coverNanos + _stepNanos >= _totalNanos)
            {
                _growth = GrowAsync();
            }

            return coverNanos <= _totalNanos || _totalNanos >= MostNanos ? HoldState.Covered
                : _growth.IsCompleted && _isRefused ? HoldState.Exhausted
                : HoldState.Growing;
        }
    }

    /// <summary>Reports as <see cref="Report"/> does, and waits for what growth decides.</summary>
    /// <returns>Anything but <see cref="HoldState.Growing"/>.</returns>
    public async ValueTask<HoldState> CoverAsync(long coverNanos, Price price, Usage usage)
    {
        while (true)
        {
            if (Report(coverNanos, price, usage) is var state and not HoldState.Growing)
            {
                return state;
            }

            await GrownAsync();
        }
    }

    /// <summary>Ends when the growth that is under way was decided.</summary>
    public Task GrownAsync()
    {
        lock (_lock)
        {
            return _growth;
        }
    }

    public Ticket Ticket()
    {
        lock (_lock)
        {
            return new Ticket
            {
                HoldId = HoldId,
                KeyId = _admitted.KeyId,
                PriceId = _priceId,
                TotalNanos = _totalNanos,
                AgeMs = AgeMs,
                Model = _admitted.Model,
                Channel = _channel,
                Endpoint = _admitted.Endpoint,
                ClientAddress = _admitted.ClientAddress,
                ExtraAttempts = _extraAttempts,
            };
        }
    }

    public RenewItem RenewItem()
    {
        lock (_lock)
        {
            if (_price is not null)
            {
                _progressNanos = Math.Max(_progressNanos, PriceArithmetic.Charge(_price, _usage));
            }

            // The progress is by the price of the admission, whatever tier the answer names at its end.
            return new RenewItem(Ticket() with { PriceId = _admitted.PriceId }, _progressNanos, _usage);
        }
    }

    /// <summary>Takes what a renewal said of this hold.</summary>
    /// <param name="sentTotalNanos">The total that the renewal's ticket named.</param>
    public void Renewed(in RenewedHold answer, long sentTotalNanos)
    {
        if (answer.Outcome == RenewOutcome.Closed)
        {
            Lose();
            return;
        }

        if (answer.Outcome != RenewOutcome.Held)
        {
            return;
        }

        lock (_lock)
        {
            // An answer that growth has overtaken says nothing about what is held now.
            if (answer.TotalNanos < sentTotalNanos && _totalNanos == sentTotalNanos)
            {
                _totalNanos = answer.TotalNanos;
                _isRefused = true;
            }
            else
            {
                _totalNanos = Math.Max(_totalNanos, answer.TotalNanos);
            }
        }
    }

    /// <summary>Says that the settlement is on its way: from here on nothing cuts the response but its answer.</summary>
    public void Settling()
    {
        lock (_lock)
        {
            _isSettling = true;
        }
    }

    /// <summary>
    /// Decides what becomes of the response: the settlement's answer and the end of the wait for it race, and the one that
    /// comes first gets true.
    /// </summary>
    public bool TryDecideResponse()
    {
        lock (_lock)
        {
            var isFirst = !_isDecided;
            _isDecided = true;
            return isFirst;
        }
    }

    private void Lose()
    {
        lock (_lock)
        {
            if (_isLost || _isSettling)
            {
                return;
            }

            _isLost = true;
        }

        _owner.HoldLost();
    }

    /// <summary>Doubles the hold, or takes the smallest step where the money does not cover that.</summary>
    private async Task GrowAsync()
    {
        // Leaves the lock that its caller holds before anything else runs.
        await Task.Yield();
        var (startedAt, wantsLittle) = (_calls.Time.GetTimestamp(), false);
        var decided = await _calls.RepeatAsync(
            async _ =>
            {
                var answer = await ExtendAsync(wantsLittle);
                if (answer is { Outcome: ExtendOutcome.Refused } && !wantsLittle)
                {
                    wantsLittle = true;
                    answer = await ExtendAsync(wantsLittle);
                }

                return answer;
            },
            static answer => answer.Outcome is ExtendOutcome.Extended or ExtendOutcome.Refused or ExtendOutcome.Closed,
            () => _calls.Time.GetElapsedTime(startedAt) <= _calls.Options.GrowthLimit);
        switch (decided?.Outcome)
        {
            case ExtendOutcome.Extended:
                Extended(decided.TotalNanos);
                break;
            case ExtendOutcome.Closed:
                Lose();
                break;
            default:
                Refused();
                break;
        }
    }

    /// <summary>Asks once for more; what the grain does not have is presented, and then asked for again.</summary>
    private async Task<ExtendAnswer?> ExtendAsync(bool wantsLittle)
    {
        var wanted = Wanted(wantsLittle);
        var answer = await _calls.AskAsync(
            Account,
            new ExtendRequest(Account.Epoch, Ticket(), wanted),
            static (grain, request) => grain.ExtendAsync(request),
            "Extend",
            HoldId);
        Account.Saw(answer?.Epoch ?? 0);
        if (answer is { Outcome: ExtendOutcome.NotHeld })
        {
            await _renewals.RenewAsync(Account, [this]);
        }

        return answer;
    }

    private long Wanted(bool wantsLittle)
    {
        lock (_lock)
        {
            var little = Math.Max(_coverNanos, _totalNanos) + _stepNanos;
            return Math.Min(MostNanos, wantsLittle ? little : Math.Max(little, _totalNanos * 2));
        }
    }

    private void Extended(long totalNanos)
    {
        lock (_lock)
        {
            _totalNanos = Math.Max(_totalNanos, totalNanos);
            _isRefused = false;
        }
    }

    private void Refused()
    {
        lock (_lock)
        {
            _isRefused = true;
        }
    }
}
