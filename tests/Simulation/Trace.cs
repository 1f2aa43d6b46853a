using System.Globalization;
using System.Text;

namespace OrleansGateway.Tests.Simulation;

/// <summary>
/// What happened, a line an event. Every choice of the scheduler goes into a digest that each line carries, so that two runs whose
/// traces are equal took every step alike.
/// </summary>
internal sealed class Trace(bool isKept)
{
    private const ulong Prime = 1099511628211;

    private readonly StringBuilder? _text = isKept ? new StringBuilder() : null;

    /// <summary>FNV-1a of all that was chosen and told.</summary>
    public ulong Digest { get; private set; } = 14695981039346656037;

    public bool IsKept => isKept;

    public string Text => _text?.ToString() ?? "";

    public void Chose(int chosen, int of) => Digest = ((Digest ^ (uint)chosen) * Prime ^ (uint)of) * Prime;

    public void Add(TimeSpan at, string who, string what)
    {
        foreach (var character in what)
        {
            Digest = (Digest ^ character) * Prime;
        }

        _text?.Append(CultureInfo.InvariantCulture, $"{at.TotalSeconds,9:0.000} {Digest:x16} {who,-10} {what}\n");
    }
}
