using OrleansGateway.Grains.Contracts.Accounts;

namespace OrleansGateway.Grains.Accounts;

/// <summary>A bucket of one minute's capacity with continuous refill. Exact: it counts in units times ticks of a minute.</summary>
internal sealed class TokenBucket
{
    private readonly long _perMinute;
    private Int128 _level;
    private TimeSpan _filledAt;

    public TokenBucket(long perMinute, TimeSpan now)
    {
        _perMinute = perMinute;
        _level = Full;
        _filledAt = now;
    }

    public long Capacity => _perMinute;

    private Int128 Full => (Int128)_perMinute * TimeSpan.TicksPerMinute;

    /// <summary>Whole units that are there; negative after a correction.</summary>
    public long Remaining(TimeSpan now)
    {
        Refill(now);
        var floor = _level >= 0 ? _level : _level - (TimeSpan.TicksPerMinute - 1);
        return (long)(floor / TimeSpan.TicksPerMinute);
    }

    /// <summary>Until <paramref name="amount"/> units are there: zero if they are.</summary>
    public TimeSpan Until(long amount, TimeSpan now)
    {
        Refill(now);
        var missing = (Int128)amount * TimeSpan.TicksPerMinute - _level;
        return missing <= 0 ? TimeSpan.Zero : TimeSpan.FromTicks((long)((missing + _perMinute - 1) / _perMinute));
    }

    /// <summary>Takes units, or gives them back if negative; never fills above the capacity.</summary>
    public void Take(long amount, TimeSpan now)
    {
        Refill(now);
        _level = Int128.Min(Full, _level - (Int128)amount * TimeSpan.TicksPerMinute);
    }

    private void Refill(TimeSpan now)
    {
        _level = Int128.Min(Full, _level + (Int128)_perMinute * (now - _filledAt).Ticks);
        _filledAt = now;
    }
}

/// <summary>One key's, or one account's, rate and concurrency limits, in memory only.</summary>
internal sealed class RateLimiter
{
    private static readonly TimeSpan ConcurrencyRetry = TimeSpan.FromSeconds(1);

    private TokenBucket? _requests;
    private TokenBucket? _tokens;
    private RateLimits _settings = RateLimits.None;

    /// <summary>Open holds.</summary>
    public long Running { get; set; }

    public static bool AreValid(RateLimits limits) =>
        IsValid(limits.RequestsPerMinute) && IsValid(limits.TokensPerMinute) && IsValid(limits.Concurrency);

    /// <summary>New limits start with full buckets; what is unchanged goes on.</summary>
    public void Set(RateLimits settings, TimeSpan now)
    {
        if (settings.RequestsPerMinute != _settings.RequestsPerMinute)
        {
            _requests = settings.RequestsPerMinute is { } requests ? new TokenBucket(requests, now) : null;
        }

        if (settings.TokensPerMinute != _settings.TokensPerMinute)
        {
            _tokens = settings.TokensPerMinute is { } tokens ? new TokenBucket(tokens, now) : null;
        }

        _settings = settings;
    }

    /// <summary>Until the limit of requests a minute lets one more through; zero if it does.</summary>
    public TimeSpan UntilRequest(TimeSpan now) => _requests?.Until(1, now) ?? TimeSpan.Zero;

    /// <summary>Says which limit refuses one more request, and for how long. Takes nothing.</summary>
    public AdmitOutcome Check(long estimatedTokens, TimeSpan now, out TimeSpan retryAfter)
    {
        retryAfter = UntilRequest(now);
        if (retryAfter > TimeSpan.Zero)
        {
            return AdmitOutcome.RequestRateLimited;
        }

        retryAfter = _tokens?.Until(Counted(estimatedTokens), now) ?? TimeSpan.Zero;
        if (retryAfter > TimeSpan.Zero)
        {
            return AdmitOutcome.TokenRateLimited;
        }

        if (Running >= _settings.Concurrency)
        {
            retryAfter = ConcurrencyRetry;
            return AdmitOutcome.ConcurrencyLimited;
        }

        return AdmitOutcome.Admitted;
    }

    public void Take(long estimatedTokens, TimeSpan now)
    {
        _requests?.Take(1, now);
        _tokens?.Take(Counted(estimatedTokens), now);
    }

    /// <summary>Puts what was used in the place of what admission took; may go below zero.</summary>
    public void Correct(long estimatedTokens, Int128 usedTokens, TimeSpan now) =>
        _tokens?.Take((long)Int128.Min(usedTokens, AccountProtocol.LimitMax) - Counted(estimatedTokens), now);

    /// <summary>The tighter of this and another standing, by what remains.</summary>
    public RateStanding Tighten(RateStanding other, TimeSpan now)
    {
        if (_requests is not null && _requests.Remaining(now) is var requests && (other.RequestsLimit == 0 || requests < other.RequestsRemaining))
        {
            other = other with
            {
                RequestsLimit = _requests.Capacity,
                RequestsRemaining = Math.Max(0, requests),
                RequestsResetMs = (long)Math.Ceiling(_requests.Until(_requests.Capacity, now).TotalMilliseconds),
            };
        }

        if (_tokens is not null && _tokens.Remaining(now) is var tokens && (other.TokensLimit == 0 || tokens < other.TokensRemaining))
        {
            other = other with
            {
                TokensLimit = _tokens.Capacity,
                TokensRemaining = Math.Max(0, tokens),
                TokensResetMs = (long)Math.Ceiling(_tokens.Until(_tokens.Capacity, now).TotalMilliseconds),
            };
        }

        return other;
    }

    private static bool IsValid(long? limit) => limit is null or (>= 1 and <= AccountProtocol.LimitMax);

    private long Counted(long tokens) => Math.Min(tokens, _tokens?.Capacity ?? tokens);
}
