using System.Globalization;
using OrleansGateway.Grains.Contracts;

namespace OrleansGateway.Silo.Cli;

/// <summary>A named value of an answer.</summary>
/// <param name="Value">Null, text, a whole number, a flag, a time of UTC, <see cref="Usd"/>, texts, or rows within a row (in JSON alone).</param>
/// <param name="IsDetail">Left out of tables of several rows, which have no room for all.</param>
internal readonly record struct Field(string Name, object? Value, bool IsDetail = false)
{
    /// <summary>Whether it may be continued on a further line. What is not text keeps its width.</summary>
    public bool IsText => Value is string or IReadOnlyList<string>;

    /// <summary>For people and for CSV.</summary>
    public override string ToString() => Value switch
    {
        null => "",
        bool flag => flag ? "true" : "false",
        DateTime time => FormatTime(time),
        IReadOnlyList<string> texts => string.Join(' ', texts),
        _ => Convert.ToString(Value, CultureInfo.InvariantCulture)!,
    };

    public static string FormatTime(DateTime time) => time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK", CultureInfo.InvariantCulture);
}

/// <summary>An amount of money.</summary>
/// <param name="Nanos">A sum over all accounts may be more than a long holds.</param>
internal readonly record struct Usd(Int128 Nanos)
{
    public override string ToString()
    {
        var magnitude = Int128.Abs(Nanos);
        var fraction = Money.FormatUsd((long)(magnitude % Money.NanosPerUsd));
        return string.Create(CultureInfo.InvariantCulture, $"{(Nanos < 0 ? "-" : "")}{magnitude / Money.NanosPerUsd}{fraction.AsSpan(1)}");
    }
}
