using System.Collections.Concurrent;

namespace OrleansGateway.Edge.Pipeline;

/// <summary>Each model's recent mean output, tokens of one choice: what the tokens-per-minute limits count at admission.</summary>
internal sealed class OutputAverages
{
    private const double First = 256;
    private const double Weight = 0.05;

    private readonly ConcurrentDictionary<string, StrongBox> _means = new(StringComparer.Ordinal);

    public long Of(string model) => (long)(_means.TryGetValue(model, out var mean) ? Volatile.Read(ref mean.Value) : First);

    public void Add(string model, long tokens)
    {
        // An update lost to another at the same moment does not matter to an estimate.
        var mean = _means.GetOrAdd(model, static _ => new StrongBox());
        Volatile.Write(ref mean.Value, mean.Value + (Weight * (tokens - mean.Value)));
    }

    private sealed class StrongBox
    {
        public double Value = First;
    }
}
