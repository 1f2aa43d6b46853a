namespace Orleans.Runtime
{
    /// <summary>Marks what can be addressed by a grain's identity: grains and references to them.</summary>
    public interface IAddressable
    {
    }
}

namespace Orleans
{
    /// <summary>Marks an interface as a grain's.</summary>
    public interface IGrain : Runtime.IAddressable
    {
    }

    /// <summary>Marks an interface of grains whose key is a string.</summary>
    public interface IGrainWithStringKey : IGrain
    {
    }

    /// <summary>Makes references to grains; a reference is cheap and never fails to be made for a grain that does not exist yet.</summary>
    public interface IGrainFactory
    {
        /// <summary>Gets a reference to the grain with this key.</summary>
        /// <typeparam name="TGrainInterface">An interface that exactly one registered grain class implements.</typeparam>
        /// <param name="primaryKey">The key; neither empty nor only white space.</param>
        /// <param name="grainClassNamePrefix">Null; the embedded engine knows one class for each interface.</param>
        /// <exception cref="ArgumentException">The key is empty, or not exactly one class implements the interface.</exception>
        TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
            where TGrainInterface : IGrainWithStringKey;
    }
}
