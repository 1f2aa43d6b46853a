using System.Collections.Frozen;
using OrleansGateway.Grains.Contracts.Catalog;

namespace OrleansGateway.Edge.Dialects;

/// <summary>The dialects that were added, by the catalog's kind.</summary>
internal sealed class DialectSet(IEnumerable<IDialect> dialects)
{
    private readonly FrozenDictionary<string, IDialect> _dialects = dialects.ToFrozenDictionary(static dialect => dialect.Kind, StringComparer.Ordinal);

    public IDialect Of(Channel channel) => _dialects[channel.Provider.Traits.Dialect];
}
